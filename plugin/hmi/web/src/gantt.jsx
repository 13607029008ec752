// SPDX-License-Identifier: Apache-2.0
import { useMemo, useRef, useState } from "preact/hooks";
import { between, clock, lasting, tick, ticks } from "./format.js";
import { fitted, rem, useWidth } from "./parts.jsx";
import { begins_at, place_at, turns } from "./sketch.js";
import { t } from "./text.js";

const hour = 3600;
const steps = [300, 600, 900, 1800, hour, 2 * hour, 4 * hour, 8 * hour];
const whole = { from: 0, share: 1 };

/** Of each order: when it begins (on the machine that begins it) and ends (on the one that ends it), P10, P50 and P90. */
function by_order(spans) {
  const orders = new Map();
  for (const span of spans) {
    const known = orders.get(span.order);
    orders.set(span.order, {
      order: span.order,
      begin_s: known && known.begin_s[1] <= span.begin_s[1] ? known.begin_s : span.begin_s,
      end_s: known && known.end_s[1] >= span.end_s[1] ? known.end_s : span.end_s,
    });
  }
  return [...orders.values()];
}

/** Dates that fall together are one mark. */
function due_marks(orders) {
  const marks = new Map();
  for (const order of orders) if (order.due_s != null) marks.set(order.due_s, [...(marks.get(order.due_s) ?? []), order.id]);
  return [...marks].map(([due_s, ids]) => ({ due_s, ids: ids.join(", ") }));
}

const least_drag_px = 4; // less is a click
const snap_px = 8; // to the end or the beginning of an operation
const key_step_s = 300;

/** What can be taken hold of, by pointer or by keys, and put to another place of its machine. An order's work goes between that of
    others, its places are those of the sequence; a service or a fault goes to another time. `board`: { sequence, refusal(order, place),
    move(order, place), named(bar), stuck(bar), shift(bar, s), say(text) }; texts are told when they are drawn. */
function useHold(board, bars, s_at, now_s) {
  const [held, setHeld] = useState(null); // { id, machine, place }; by pointer with from_x, and moved when it has been
  if (!board) return { held: null };
  const { sequence } = board;
  const order_of = (machine, order) => ({
    id: order,
    machine,
    place: sequence.indexOf(order),
    at: (s) => place_at(turns(bars, sequence, machine, order), s),
    keys: { ArrowLeft: (place) => Math.max(0, place - 1), ArrowRight: (place) => Math.min(sequence.length - 1, place + 1), Home: () => 0, End: () => sequence.length - 1 },
    begins_s: (place) => begins_at(turns(bars, sequence, machine, order), place) ?? bars[0].from_s,
    told: (place) => t("{order}: place {n} of {all}", { order, n: place + 1, all: sequence.length }),
    picked: () => t("{order} is picked up: arrows move it, Space drops it, Escape leaves it.", { order }),
    stays: () => t("{order} stays where it is.", { order }),
    moved: (place) => t("{order} is at place {n} of {all} now.", { order, n: place + 1, all: sequence.length }),
    refusal: (place) => board.refusal(order, place),
    drop: (place) => board.move(order, place),
  });
  const item_of = (bar) => {
    const what = board.named(bar);
    const edges = [...new Set([now_s, ...bars.filter((one) => one.what === "work" && one.machine === bar.machine).flatMap((one) => [one.from_s, one.until_s])])].filter((s) => s >= now_s).sort((a, b) => a - b);
    const step = (s) => Math.max(now_s, key_step_s * s);
    return {
      id: bar.item,
      machine: bar.machine,
      place: bar.from_s,
      at: (s, from_s, near_s) => {
        const wanted = Math.max(now_s, bar.from_s + s - from_s);
        const edge = edges.find((one) => Math.abs(one - wanted) < near_s);
        return edge ?? 60 * Math.round(wanted / 60);
      },
      keys: {
        ArrowLeft: (s) => step(Math.ceil(s / key_step_s) - 1), ArrowRight: (s) => step(Math.floor(s / key_step_s) + 1),
        ArrowUp: (s) => edges.findLast((edge) => edge < s - 1) ?? s, ArrowDown: (s) => edges.find((edge) => edge > s + 1) ?? s, Home: () => now_s, End: () => edges.at(-1),
      },
      begins_s: (s) => s,
      told: (s) => `${what}${t(": ")}${clock(s, false)}`,
      picked: () => t("{what} is picked up: left and right move it by 5 min, up and down to the next operation, Space drops it, Escape leaves it.", { what }),
      stays: () => t("{order} stays where it is.", { order: what }),
      moved: (s) => t("{what} begins at {t} now.", { what, t: clock(s, false) }),
      refusal: () => board.stuck(bar),
      drop: (s) => board.shift(bar, s),
    };
  };
  const of = (bar) => (bar.item ? item_of(bar) : bar.what === "work" && sequence.includes(bar.order) ? order_of(bar.machine, bar.order) : null);
  const mark = () => {
    const thing = sequence.includes(held.id) ? order_of(held.machine, held.id) : bars.filter((bar) => bar.item === held.id).map(item_of)[0];
    return thing?.begins_s(held.place);
  };
  const drop = (thing, place) => {
    setHeld(null);
    const why = thing.refusal(place);
    if (why) return board.say(why, true);
    if (place === thing.place) return board.say(thing.stays);
    thing.drop(place);
    board.say(() => thing.moved(place));
  };
  const pick = ({ id, machine, place }, more) => setHeld({ id, machine, place, ...more });
  const handlers = (thing) => ({
    onTouchStart: (touch) => touch.preventDefault(), // else Chromium scrolls the page, whatever touch-action says of parts of an SVG
    onPointerDown: (down) => {
      if (down.button !== 0) return;
      down.currentTarget.setPointerCapture(down.pointerId);
      down.currentTarget.focus?.();
      pick(thing, { from_x: down.clientX });
    },
    onPointerMove: (move) => {
      if (held?.from_x == null) return;
      const moved = held.moved || Math.abs(move.clientX - held.from_x) >= least_drag_px;
      const from_s = s_at(held.from_x);
      if (moved) setHeld({ ...held, moved, place: thing.at(s_at(move.clientX), from_s, s_at(held.from_x + snap_px) - from_s) });
    },
    onPointerUp: () => held?.from_x != null && (held.moved ? drop(thing, held.place) : setHeld(null)),
    onPointerCancel: () => setHeld(null),
    onKeyDown: (key) => {
      const mine = held?.id === thing.id;
      const to = mine ? thing.keys[key.key]?.(held.place) : undefined;
      const does = key.key === " " || key.key === "Enter" ? () => (mine ? drop(thing, held.place) : (pick(thing), board.say(thing.picked)))
        : to != null ? () => { setHeld({ ...held, place: to }); board.say(() => thing.told(to)); }
          : mine && key.key === "Escape" ? () => { setHeld(null); board.say(thing.stays); } : null;
      if (!does) return;
      key.preventDefault();
      key.stopPropagation();
      does();
    },
    onBlur: () => held?.id === thing.id && held.from_x == null && setHeld(null),
  });
  return { held, of, mark, handlers };
}

/** What each machine, or each order, does over line time. Above each row when its operations begin, below it when they end,
    from P10 to P90 with a tick at P50; lines for now, what is frozen, and due dates. `planned`: what was expected before. */
export function Gantt({ bars, spans = [], planned = [], by, orders, machines, now_s, freeze_s, view = whole, onView, label, range, board }) {
  const svg = useRef();
  const [box, width] = useWidth();
  const em = rem();
  const names = by === "order" ? orders.map((order) => order.id) : machines.map((machine) => machine.name);
  const left = Math.min(0.2 * width, 8 * em);
  const right = width - 0.5 * em;
  const top = 1.7 * em;
  const row = 2 * em;
  const height = top + names.length * row + 0.3 * em;
  const [first, last] = range;
  const span = (last - first) * view.share;
  const from = first + (last - first) * view.from;
  const x = (s) => left + ((s - from) / span) * (right - left);
  const step = steps.find((s) => ((right - left) * s) / span > 4.5 * em) ?? 24 * hour;
  const place = new Map(names.map((name, i) => [name, i]));
  const row_of = (entry) => place.get(by === "order" ? entry.order : entry.machine);
  const y = (entry) => top + row_of(entry) * row;
  const shown = (entry, from_s, until_s) => row_of(entry) != null && until_s > from && from_s < from + span;
  const shade = useMemo(() => new Map(orders.map((order, i) => [order.id, i % 4])), [orders]);
  const operations = by === "order" ? by_order(spans) : spans;
  const before = by === "order" ? by_order(planned) : planned;
  const clip = `clip-${label.replace(/\W/g, "")}`;
  const { held, of, mark, handlers } = useHold(by === "machine" ? board : null, bars, (client_x) => from + ((client_x - svg.current.getBoundingClientRect().left - left) / (right - left)) * span, now_s);
  // One stop of the Tab key for each: of an order, its earliest bar.
  const stops = new Map();
  if (board) for (const bar of bars) if (bar.what === "work" && board.sequence.includes(bar.order) && !(stops.get(bar.order)?.from_s <= bar.from_s)) stops.set(bar.order, bar);
  const grab = (bar) => {
    const thing = of?.(bar);
    const mine = held?.id === thing?.id;
    return thing && {
      ...handlers(thing), class: `grab ${mine ? "held" : ""}`,
      // What hears of the focus is a stop in Chromium's SVG, if nothing is said.
      ...(bar.item || stops.get(bar.order) === bar ? { tabIndex: 0, role: "button", "aria-pressed": mine, "aria-label": thing.told(thing.place) } : { tabIndex: -1 }),
    };
  };
  const spread = (what, at, [p10, p50, p90], operation) => shown(operation, p10, p90 + 1) && (
    <g key={`${what}${operation.machine}${operation.order}`} class={`spread ${what}`}>
      <rect x={x(p10)} y={at} width={Math.max(2, x(p90) - x(p10))} height={0.22 * em}><title>{`${operation.order}${by === "order" ? "" : ` · ${operation.machine}`} · ${t(what === "begins" ? "start, P10 to P90" : "finish, P10 to P90")}${t(": ")}${between(p10, p90)} (P50 ${clock(p50)})`}</title></rect>
      <path d={`M${x(p50)} ${at - 0.08 * em}v${0.38 * em}`} />
    </g>
  );
  const due = (order, name, at) => (
    <path key={`${name} ${order.due_s}`} class="due" d={`M${x(order.due_s)} ${at + 0.1 * em}v${row - 0.2 * em}`}><title>{`${t("due")} ${order.ids ?? order.id} ${clock(order.due_s)}`}</title></path>
  );
  return (
    <div ref={box} class="gantt">
      <svg ref={svg} class="drawing" width={width} height={height} role={of ? "group" : "img"} aria-label={label}
        onWheel={(wheel) => {
          if (!wheel.ctrlKey || !onView) return;
          wheel.preventDefault();
          onView(zoomed(view, wheel.deltaY < 0 ? 0.7 : 1 / 0.7, (wheel.offsetX - left) / (right - left)));
        }}>
        <defs><clipPath id={clip}><rect x={left} y="0" width={Math.max(0, right - left)} height={height} /></clipPath></defs>
        {ticks(from, from + span, step).map((s, i) => (
          <g key={s}><line class="grid" x1={x(s)} x2={x(s)} y1={top - 0.3 * em} y2={height} /><text class="tick" x={x(s)} y={1 * em} text-anchor="middle">{tick(s, i)}</text></g>
        ))}
        {names.map((name, i) => (
          <g key={name}><line class="grid" x1="0" x2={right} y1={top + (i + 1) * row} y2={top + (i + 1) * row} /><text class="label" x="0" y={top + i * row + 1.3 * em}><title>{name}</title>{fitted(name, left - 0.5 * em, 0.92)}</text></g>
        ))}
        <g clip-path={`url(#${clip})`}>
          {bars.map((one, i) => {
            const bar = one.item && held?.id === one.item ? { ...one, from_s: held.place, until_s: held.place + one.until_s - one.from_s } : one;
            if (!shown(bar, bar.from_s, bar.until_s)) return null;
            const wide = x(bar.until_s) - x(bar.from_s);
            const sign = { repair: "✕", service: "S" }[bar.what];
            return (
              <g key={bar.item ?? (board && bar.what === "work" ? `${bar.machine} ${bar.order}` : i)} {...grab(one)}>
                <rect class={`bar ${bar.what} shade${shade.get(bar.order) ?? 0} ${bar.coming ? "coming" : ""}`} x={x(bar.from_s)} y={y(bar) + 0.4 * em} width={Math.max(1, wide)} height={row - 0.8 * em}>
                  <title>{`${bar.machine} · ${t(bar.kind ?? bar.what)}${bar.order ? ` · ${bar.order}` : ""}\n${between(bar.from_s, bar.until_s)} (${lasting(bar.until_s - bar.from_s)})`}</title>
                </rect>
                {bar.what === "work" && wide > 2 * em && <text class="onbar" x={Math.max(x(bar.from_s), left) + 0.25 * em} y={y(bar) + 1.27 * em}>{by === "order" ? fitted(bar.machine, wide - 0.5 * em, 0.72) : fitted(bar.order, wide - 0.5 * em, 0.72, "beginning")}</text>}
                {sign && wide > 1 * em && <text class="onbar white" x={x(bar.from_s) + wide / 2} y={y(bar) + 1.27 * em} text-anchor="middle">{sign}</text>}
              </g>
            );
          })}
          {before.map((operation) => shown(operation, operation.begin_s[1], operation.end_s[1]) && (
            <rect key={`${operation.machine}${operation.order}`} class="planned" x={x(operation.begin_s[1])} y={y(operation) + 0.3 * em} width={Math.max(2, x(operation.end_s[1]) - x(operation.begin_s[1]))} height={row - 0.6 * em}>
              <title>{`${operation.order}${by === "order" ? "" : ` · ${operation.machine}`} · ${t("planned")}${t(": ")}${between(operation.begin_s[1], operation.end_s[1])}`}</title>
            </rect>
          ))}
          {operations.map((operation) => row_of(operation) != null && [
            !(operation.begin_s[2] <= now_s) && spread("begins", y(operation) + 0.1 * em, operation.begin_s, operation),
            spread("ends", y(operation) + row - 0.34 * em, operation.end_s, operation),
          ])}
          {by === "order"
            ? orders.map((order) => order.due_s != null && due(order, order.id, top + place.get(order.id) * row))
            : machines.map((machine, i) => machine.last && due_marks(orders).map((mark) => due(mark, machine.name, top + i * row)))}
          {held && (held.moved || held.from_x == null) && <path class="snap" d={`M${x(mark())} ${y(held) - 0.1 * em}v${row + 0.2 * em}m${-0.4 * em} 0h${0.8 * em}m0 ${-row - 0.2 * em}h${-0.8 * em}`} />}
          {now_s != null && freeze_s > 0 && <g class="freeze"><rect x={x(now_s)} y={top - 0.4 * em} width={Math.max(0, x(now_s + freeze_s) - x(now_s))} height={height - top + 0.4 * em} /><line x1={x(now_s + freeze_s)} x2={x(now_s + freeze_s)} y1={top - 0.4 * em} y2={height}><title>{`${t("frozen until")} ${clock(now_s + freeze_s)}`}</title></line></g>}
          {now_s != null && <line class="now" x1={x(now_s)} x2={x(now_s)} y1={top - 0.4 * em} y2={height} />}
          {now_s != null && <text class="now" x={x(now_s) + 0.2 * em} y={top + 0.25 * em}>{t("now")}</text>}
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

const times_of = ({ bars, spans = [], planned = [] }) => [...bars.flatMap((bar) => [bar.from_s, bar.until_s]), ...[...spans, ...planned].flatMap((span) => [span.begin_s[0], span.end_s[2]])];

/** Schedules under one axis, so that a glance compares them: `charts` are { name, bars, spans, planned, board }. */
export function Charts({ charts, line, now_s, closed = [], label }) {
  const [by, setBy] = useState("machine");
  const [view, setView] = useState(whole);
  const times = charts.flatMap(times_of);
  if (times.length === 0) return <p class="calm">–</p>;
  const range = [Math.min(now_s ?? Infinity, ...times), Math.max(...times)];
  const involved = line.orders.filter((order) => charts.some(({ bars, spans = [] }) => [...bars, ...spans].some((bar) => bar.order === order.id)));
  const shared = { by, machines: line.machines, orders: involved, now_s, freeze_s: line.rules.freeze_s, view, onView: setView, range };
  const move = (share) => setView((v) => ({ ...v, from: Math.min(1 - v.share, Math.max(0, v.from + share * v.share)) }));
  const zoom = (factor) => setView((v) => zoomed(v, factor));
  const keys = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => move(-0.25), ArrowRight: () => move(0.25), 0: () => setView(whole), m: () => setBy("machine"), o: () => setBy("order") };
  const press = (key) => {
    const does = !key.ctrlKey && !key.metaKey && !key.altKey && keys[key.key];
    if (!does) return;
    key.preventDefault();
    does();
  };
  const has = (what) => charts.some(({ bars }) => bars.some((bar) => bar.what === what)) || (what === "closed" && closed.length > 0);
  const spread = charts.some(({ spans }) => spans?.length);
  return (
    <div class="charts" role="group" aria-label={label} aria-keyshortcuts="+ - ArrowLeft ArrowRight 0 m o" tabIndex="0" onKeyDown={press}>
      <div class="toolbar">
        <button type="button" aria-pressed={by === "machine"} onClick={() => setBy("machine")}>{t("by machine")}</button>
        <button type="button" aria-pressed={by === "order"} onClick={() => setBy("order")}>{t("by order")}</button>
        <button type="button" onClick={() => zoom(0.5)} aria-label={t("Zoom in")}>+</button>
        <button type="button" onClick={() => zoom(2)} aria-label={t("Zoom out")}>−</button>
        <button type="button" onClick={() => move(-0.25)} aria-label="←">←</button>
        <button type="button" onClick={() => move(0.25)} aria-label="→">→</button>
        <button type="button" onClick={() => setView(whole)}>{t("whole")}</button>
        <span class="key">
          {["work", "changeover", "service", "repair", "waiting-for-crew", "closed"].map((what) => has(what) && <span key={what}><i class={`bar ${what}`} />{t(what)}</span>)}
          {charts.some(({ planned }) => planned?.length) && <span><i class="bar planned" />{t("planned")}</span>}
          {spread && <span><i class="bar begins" />{t("start, P10 to P90")}</span>}
          {spread && <span><i class="bar ends" />{t("finish, P10 to P90")}</span>}
          <span><i class="bar dueline" />{t("due")}</span>
          {line.rules.freeze_s > 0 && <span><i class="bar freezeline" />{t("frozen until")}</span>}
        </span>
      </div>
      {charts.map((chart) => (
        <div key={chart.name}>
          {charts.length > 1 && <h3>{chart.name}</h3>}
          <Gantt {...shared} {...chart} bars={[...closed, ...chart.bars]} label={`${chart.name}${t(", ")}${t(by === "machine" ? "by machine" : "by order")}`} />
        </div>
      ))}
    </div>
  );
}
