// SPDX-License-Identifier: Apache-2.0
import { useMemo, useState } from "preact/hooks";
import { clock, lasting } from "./format.js";
import { rem, useWidth } from "./parts.jsx";
import { t } from "./text.js";

const hour = 3600;
const steps = [300, 600, 900, 1800, hour, 2 * hour, 4 * hour, 8 * hour];
const whole = { from: 0, share: 1 };

/** What each machine, or each order, does over line time. Marks: now, due and freeze lines. */
export function Gantt({ bars, rows, by, orders, now_s, freeze_s, finishes, view = whole, onView, label, range }) {
  const [box, width] = useWidth();
  const em = rem();
  const names = by === "order" ? orders.map((order) => order.id) : rows;
  const left = Math.min(0.2 * width, 8 * em);
  const right = width - 0.5 * em;
  const top = 1.7 * em;
  const row = 1.75 * em;
  const height = top + names.length * row + 0.3 * em;
  const [first, last] = range;
  const span = (last - first) * view.share;
  const from = first + (last - first) * view.from;
  const x = (s) => left + ((s - from) / span) * (right - left);
  const step = steps.find((s) => ((right - left) * s) / span > 4.5 * em) ?? 24 * hour;
  const ticks = [];
  for (let s = Math.ceil(from / step) * step; s <= from + span; s += step) ticks.push(s);
  const place = new Map(names.map((name, i) => [name, i]));
  const shade = useMemo(() => new Map(orders.map((order, i) => [order.id, i % 4])), [orders]);
  const inside = bars.filter((bar) => bar.until_s > from && bar.from_s < from + span);
  const clip = `clip-${label.replace(/\W/g, "")}`;
  return (
    <div ref={box} class="gantt">
      <svg class="drawing" width={width} height={height} role="img" aria-label={label}
        onWheel={(wheel) => {
          if (!wheel.ctrlKey || !onView) return;
          wheel.preventDefault();
          onView(zoomed(view, wheel.deltaY < 0 ? 0.7 : 1 / 0.7, (wheel.offsetX - left) / (right - left)));
        }}>
        <defs><clipPath id={clip}><rect x={left} y="0" width={Math.max(0, right - left)} height={height} /></clipPath></defs>
        {ticks.map((s) => (
          <g key={s}><line class="grid" x1={x(s)} x2={x(s)} y1={top - 0.3 * em} y2={height} /><text class="tick" x={x(s)} y={1 * em} text-anchor="middle">{clock(s, false)}</text></g>
        ))}
        {names.map((name, i) => (
          <g key={name}><line class="grid" x1="0" x2={right} y1={top + (i + 1) * row} y2={top + (i + 1) * row} /><text class="label" x="0" y={top + i * row + 1.2 * em}>{name}</text></g>
        ))}
        <g clip-path={`url(#${clip})`}>
          {inside.map((bar, i) => {
            const at = place.get(by === "order" ? bar.order : bar.machine);
            if (at == null) return null;
            const wide = x(bar.until_s) - x(bar.from_s);
            return (
              <g key={i}>
                <rect class={`bar ${bar.what} shade${shade.get(bar.order) ?? 0}`} x={x(bar.from_s)} y={top + at * row + 0.25 * em} width={Math.max(1, wide)} height={row - 0.5 * em}>
                  <title>{`${bar.machine} · ${t(bar.what)}${bar.order ? ` · ${bar.order}` : ""}\n${clock(bar.from_s)} – ${clock(bar.until_s)} (${lasting(bar.until_s - bar.from_s)})`}</title>
                </rect>
                {bar.what === "work" && wide > 3.2 * em && <text class="onbar" x={Math.max(x(bar.from_s), left) + 0.25 * em} y={top + at * row + 1.15 * em}>{by === "order" ? bar.machine : bar.order}</text>}
                {(bar.what === "repair" || bar.what === "service") && wide > 1 * em && <text class="onbar white" x={x(bar.from_s) + wide / 2} y={top + at * row + 1.15 * em} text-anchor="middle">{bar.what === "repair" ? "✕" : "S"}</text>}
              </g>
            );
          })}
          {by === "order" && orders.map((order) => order.due_s != null && (
            <path key={order.id} class="due" d={`M${x(order.due_s)} ${top + place.get(order.id) * row + 0.1 * em}v${row - 0.2 * em}`}><title>{`${t("due")} ${order.id} ${clock(order.due_s)}`}</title></path>
          ))}
          {by === "order" && finishes?.map((f) => f.p10_s != null && place.has(f.order) && (
            <rect key={f.order} class="spread" x={x(f.p10_s)} y={top + place.get(f.order) * row + 0.75 * em} width={Math.max(2, x(f.p90_s) - x(f.p10_s))} height={0.35 * em}><title>{`${t("finish, P10 to P90")}: ${clock(f.p10_s)} – ${clock(f.p90_s)}`}</title></rect>
          ))}
          {now_s != null && freeze_s > 0 && <g class="freeze"><rect x={x(now_s)} y={top - 0.4 * em} width={Math.max(0, x(now_s + freeze_s) - x(now_s))} height={height - top + 0.4 * em} /><line x1={x(now_s + freeze_s)} x2={x(now_s + freeze_s)} y1={top - 0.4 * em} y2={height}><title>{`${t("frozen until")} ${clock(now_s + freeze_s)}`}</title></line></g>}
          {now_s != null && <line class="now" x1={x(now_s)} x2={x(now_s)} y1={top - 0.4 * em} y2={height} />}
          {now_s != null && <text class="now" x={x(now_s) + 0.2 * em} y={top + 0.35 * em}>{t("now")}</text>}
        </g>
      </svg>
    </div>
  );
}

function zoomed(view, factor, at = 0.5) {
  const share = Math.min(1, Math.max(0.02, view.share * factor));
  const from = Math.min(1 - share, Math.max(0, view.from + at * (view.share - share)));
  return { from, share };
}

/** Two schedules under one axis, so that a glance compares them. */
export function Pair({ first, second, line, now_s, first_name, second_name, finishes = {} }) {
  const [by, setBy] = useState("machine");
  const [view, setView] = useState(whole);
  const rows = line.machines.map((machine) => machine.name);
  const times = [...first, ...second].flatMap((bar) => [bar.from_s, bar.until_s]);
  if (times.length === 0) return <p class="calm">–</p>;
  const range = [Math.min(now_s ?? Infinity, ...times), Math.max(...times)];
  const involved = line.orders.filter((order) => [...first, ...second].some((bar) => bar.order === order.id));
  const shared = { by, rows, orders: by === "order" ? involved : line.orders, now_s, freeze_s: line.rules.freeze_s, view, onView: setView, range };
  const move = (share) => setView((v) => ({ ...v, from: Math.min(1 - v.share, Math.max(0, v.from + share * v.share)) }));
  return (
    <div>
      <div class="toolbar" role="group" aria-label={t("Before and after")}>
        <button type="button" aria-pressed={by === "machine"} onClick={() => setBy("machine")}>{t("by machine")}</button>
        <button type="button" aria-pressed={by === "order"} onClick={() => setBy("order")}>{t("by order")}</button>
        <button type="button" onClick={() => setView((v) => zoomed(v, 0.5))} aria-label={t("Zoom in")}>+</button>
        <button type="button" onClick={() => setView((v) => zoomed(v, 2))} aria-label={t("Zoom out")}>−</button>
        <button type="button" onClick={() => move(-0.25)} aria-label="←">←</button>
        <button type="button" onClick={() => move(0.25)} aria-label="→">→</button>
        <button type="button" onClick={() => setView(whole)}>{t("whole")}</button>
        <span class="key">
          {["work", "changeover", "service", "repair", "waiting-for-crew"].map((what) => <span key={what}><i class={`bar ${what}`} />{t(what)}</span>)}
          {by === "order" && <span><i class="bar dueline" />{t("due")}</span>}
          {line.rules.freeze_s > 0 && <span><i class="bar freezeline" />{t("frozen until")}</span>}
        </span>
      </div>
      <h3>{first_name}</h3>
      <Gantt {...shared} bars={first} label={first_name} finishes={finishes.first} />
      <h3>{second_name}</h3>
      <Gantt {...shared} bars={second} label={second_name} finishes={finishes.second} />
    </div>
  );
}
