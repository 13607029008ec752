// SPDX-License-Identifier: Apache-2.0
// The line as it is laid out: machines in the columns in which parts reach them, ways between them.
import { rem, useWidth } from "./parts.jsx";
import { t } from "./text.js";

const card = 3; // widths of a machine and of the gap behind it, in units of the grid
const gap = 1;
const least_rem = 10.6; // of both

/** Where each machine of some columns stands: `row` counts half machines, so that a column with fewer stands in the middle. */
function places_of(machines, columns) {
  const held = columns.map((column) => machines.filter((m) => m.column === column).length);
  const rows = Math.max(...held);
  const next = held.map((n) => rows - n);
  return { rows, held, at: machines.map((m) => {
    const column = columns.indexOf(m.column);
    return column < 0 ? null : { column, row: (next[column] += 2) - 2 };
  }) };
}

/** Paths from every buffer to those that draw from it, in units of the grid. */
function ways_of(machines, { at, rows, held }) {
  const middle = (m) => at[m].row + 1;
  const left = (m) => at[m].column * (card + gap);
  const right = (m) => left(m) + card;
  const ways = [];
  machines.forEach((machine, m) => {
    if (!at[m]) return;
    if (machine.buffer_of !== m) {
      const to = machine.buffer_of;
      ways.push({ key: `${m}u`, path: `M${right(m)} ${middle(m)}C${right(m) + 0.3} ${middle(m)} ${right(to) + 0.2} ${middle(m)} ${right(to) + 0.35} ${middle(to)}` });
    }
    for (const from of machine.after.filter((one) => at[one])) {
      const far = at[m].column > at[from].column + 1;
      const [x0, y0, x1, y1] = [right(from), middle(from), left(m), middle(m)];
      // Between the machines of the column that it passes.
      const shift = far ? (rows - held[at[from].column + 1]) % 2 : 0;
      const bend = 2 * Math.round(((y0 + y1) / 2 - shift) / 2) + shift - 0.07;
      ways.push({ key: `${from}-${m}`, path: far ? `M${x0} ${y0}C${x0 + 0.9} ${y0} ${x0 + 0.4} ${bend} ${x0 + gap} ${bend}H${x1 - gap}C${x1 - 0.4} ${bend} ${x1 - 0.9} ${y1} ${x1} ${y1}` : `M${x0} ${y0}C${x0 + 0.7} ${y0} ${x1 - 0.5} ${y1} ${x1} ${y1}` });
    }
    if (machine.last || machines.some((other, o) => other.after.includes(m) && !at[o])) ways.push({ key: `${m}o`, path: `M${right(m)} ${middle(m)}h${0.9 * gap}` });
    if (machine.rework_to != null && at[machine.rework_to]) {
      const to = machine.rework_to;
      const low = Math.max(at[m].row, at[to].row) + 1.93;
      ways.push({ key: `${m}r`, back: true, path: `M${left(m) + card / 2} ${middle(m)}V${low}H${left(to) + card / 3}V${middle(to)}` });
    }
  });
  return ways;
}

/** `machine(m)` and `buffer(m)` draw what stands at the places. What is too long for its width goes on below, as text does. */
export function Flow({ machines, machine, buffer }) {
  const [box, width] = useWidth();
  const columns = [...Array(1 + Math.max(...machines.map((m) => m.column))).keys()];
  const lines = Math.ceil(columns.length / Math.max(1, Math.floor(width / (least_rem * rem()))));
  const per = Math.ceil(columns.length / lines);
  return (
    <div ref={box} role="group" aria-label={t("The line")}>
      {[...Array(lines).keys()].map((i) => <Part key={i} machines={machines} columns={columns.slice(i * per, (i + 1) * per)} of={per} machine={machine} buffer={buffer} />)}
    </div>
  );
}

/** Some columns of the line; `of`: so many have room. */
function Part({ machines, columns, of, machine, buffer }) {
  const places = places_of(machines, columns);
  const { rows, at } = places;
  const names = (list) => list.map((m) => machines[m].name).join(t(", "));
  return (
    <div class="flow" style={{ gridTemplateColumns: `repeat(${of}, minmax(0, ${card}fr) minmax(0, ${gap}fr))`, gridTemplateRows: `repeat(${2 * rows}, minmax(0, 1fr))` }}>
      <svg class="ways" viewBox={`0 0 ${of * (card + gap)} ${2 * rows}`} preserveAspectRatio="none" aria-hidden="true">
        {ways_of(machines, places).map((way) => <path key={way.key} class={way.back ? "back" : ""} d={way.path} />)}
      </svg>
      {machines.map((known, m) => at[m] && [
        <div key={known.name} class="place" style={{ gridColumn: 2 * at[m].column + 1, gridRow: `${at[m].row + 1} / span 2` }}>
          {machine(m)}
          <span class="sr">{known.after.length > 0 ? t("draws from {names}", { names: names(known.after) }) : t("begins with orders")}{known.rework_to != null && `${t(", ")}${t("rework goes back to {name}", { name: machines[known.rework_to].name })}`}</span>
        </div>,
        known.buffer_of === m && !known.last && (
          <div key={`b${m}`} class="place behind" style={{ gridColumn: 2 * at[m].column + 2, gridRow: `${at[m].row + 1} / span 2` }}>{buffer(m)}</div>
        ),
      ])}
    </div>
  );
}
