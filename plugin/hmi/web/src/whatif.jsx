// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";
import { clock, lasting, number, percent, wall } from "./format.js";
import { Compared, Interval } from "./compared.jsx";
import { Charts } from "./gantt.jsx";
import { get, live, may, post } from "./live.js";
import { Amount, Mark, Panel, Scroll, Simulating, Trouble, aged, useAct, useEvery } from "./parts.jsx";
import { Promises } from "./running.jsx";
import { spoken } from "./said.js";
import { in_pieces, sketched, with_edits } from "./sketch.js";
import { t } from "./text.js";

const board_again_ms = 20_000;
const nothing = { sequence: null, services: null, faults: [], buffers: {}, speeds: {}, crews: null, futures: 20 };

/** Edits with a way back and forth. */
function useEdits() {
  const [past, setPast] = useState([]);
  const [edit, setEdit] = useState(nothing);
  const [future, setFuture] = useState([]);
  const change = (more) => { setPast([...past, edit].slice(-100)); setEdit({ ...edit, ...more }); setFuture([]); };
  const undo = () => { setFuture([edit, ...future]); setEdit(past[past.length - 1]); setPast(past.slice(0, -1)); };
  const redo = () => { setPast([...past, edit]); setEdit(future[0]); setFuture(future.slice(1)); };
  return { edit, change, undo: past.length ? undo : null, redo: future.length ? redo : null, again: () => change(nothing) };
}

const stamp = { tile: [200, 150], turn: -14 }; // CSS pixels and degrees

/** Stamps all that it holds, unless there is nothing to say about it, in front of it, on screen and on paper: no cutting of 400 by 300 pixels is without a whole stamp. */
function Stamped({ id, about, children }) {
  if (!about) return <div>{children}</div>;
  const lines = [t("WHAT-IF · not live"), ...about];
  return (
    <div class={`watermark ${id}`} role="group" aria-label={lines.join(" · ")}>
      {children}
      <svg class="stamps" aria-hidden="true" width="100%" height="100%">
        <defs><pattern id={id} width={stamp.tile[0]} height={stamp.tile[1]} patternUnits="userSpaceOnUse">
          <g transform={`translate(${stamp.tile[0] / 2} ${stamp.tile[1] / 2}) rotate(${stamp.turn})`}>
            {lines.map((line, i) => <text key={i} class={i === 0 ? "strong" : ""} y={16 * (i - 0.5)} text-anchor="middle">{line}</text>)}
          </g>
        </pattern></defs>
        <rect width="100%" height="100%" fill={`url(#${id})`} />
      </svg>
    </div>
  );
}

const points = (share) => Math.round(100 * share);
const signed = (share) => `${points(share) > 0 ? "+" : ""}${number(points(share) || 0, 0)}`;

/** What each machine does with its time: as it runs, in the what-if, and the difference with its interval, in points. */
function MachineUse({ machines }) {
  const uses = ["utilisation", "blocked", "starved", "down", "set-up"];
  return (
    <Scroll label={t("What machines do with their time")}><table class="cards">
      <thead><tr><th scope="col">{t("Machine")}</th>{uses.map((use) => <th scope="col" key={use} class="n">{t(use)} %</th>)}</tr></thead>
      <tbody>{machines.map((machine) => (
        <tr key={machine.machine}><th scope="row">{machine.machine}</th>{uses.map((use) => {
          const { keep, edited, difference } = machine[use];
          return <td key={use} class="n" data-name={`${t(use)} %`}><span class="nowrap">{number(100 * keep.mean, 0)} → {number(100 * edited.mean, 0)} {[difference.low, difference.high].some(points) && <span class="quiet">{signed(difference.mean)} [{signed(difference.low)}, {signed(difference.high)}]</span>}</span></td>;
        })}</tr>
      ))}</tbody>
    </table></Scroll>
  );
}

/** In how many futures an order is late, by how much then, and what its time went to; before and after. */
function Lateness({ late, futures }) {
  const orders = [...new Set([...late.keep, ...late.edited].map((one) => one.order))];
  const said = (one) => {
    if (!one) return t("never late");
    const causes = Object.entries(one.causes_s).filter(([, s]) => s >= 60).sort((a, b) => b[1] - a[1]).slice(0, 3);
    return `${t("in {n} of {all} futures, by {t}", { n: one.futures, all: futures, t: lasting(one.late_s) })}${causes.length ? `${t(": ")}${causes.map(([what, s]) => `${t(what)} ${lasting(s)}`).join(t(", "))}` : ""}`;
  };
  if (orders.length === 0) return <p class="calm">{t("No order is late in either.")}</p>;
  return (
    <Scroll label={t("Why orders are late")}><table class="cards">
      <thead><tr><th scope="col">{t("Order")}</th><th scope="col">{t("as it runs")}</th><th scope="col">{t("what if")}</th></tr></thead>
      <tbody>{orders.map((order) => (
        <tr key={order}><th scope="row">{order}</th>{[["as it runs", late.keep], ["what if", late.edited]].map(([name, all]) => <td key={name} data-name={t(name)}>{said(all.find((one) => one.order === order))}</td>)}</tr>
      ))}</tbody>
    </table></Scroll>
  );
}

function Result({ answer, closed, asked_ms }) {
  const { line } = live;
  return (
    <Stamped id="stamp-result" about={[wall(asked_ms), t("as of {t}", { t: clock(answer.at_s) })]}>
      <p class="lead"><b>{answer.what.map(spoken).join(t("; ")) || t("no change")}</b></p>
      <p class="quiet">{t("From the line's state at {t}, seed {s}.", { t: clock(answer.at_s), s: answer.seed })} {t("better in {n} of {all} futures", { n: answer.better, all: answer.futures })}{t(": ")}{t("P(better)")} {percent(answer.probability_better.mean)} [{percent(answer.probability_better.low)}, {percent(answer.probability_better.high)}]{t(".")} {t("mean gain")}{t(": ")}<Interval value={answer.gain} signed /></p>
      <Compared first={t("as it runs")} second={t("what if")} rows={answer.measures.map((m) => ({ name: m.name, unit: m.unit, first: m.keep, second: m.edited, difference: m.difference }))} />
      <h3>{t("What machines do with their time")}</h3>
      <MachineUse machines={answer.machines} />
      <h3>{t("Why orders are late")}</h3>
      <Lateness late={answer.late} futures={answer.futures} />
      <h3>{t("Orders")}</h3>
      <Promises first={t("as it runs")} second={t("what if")} orders={{ first: answer.orders.keep, second: answer.orders.edited }} at_s={answer.at_s} until_s={answer.until_s} />
      <Charts label={t("Compared on the same futures")} line={line} now_s={answer.at_s} closed={closed} charts={[
        { name: t("as it runs"), bars: answer.gantt.keep, spans: answer.spans.keep },
        { name: t("what if"), bars: answer.gantt.edited, spans: answer.spans.edited },
      ]} />
    </Stamped>
  );
}

/** The edited sequence, services and faults as bars that are dragged; drawn by mean times until they are simulated. */
function Board({ edit, sequence, services, why_fixed, move, shift }) {
  const { line, state } = live;
  const running = useEvery(() => get("/api/running"), board_again_ms, []);
  const [said, setSaid] = useState(null);
  const coming = running?.coming;
  if (!coming) return <p class="calm">{t("being simulated")}</p>;
  const now_s = state.line_time_s;
  const ahead = in_pieces(coming.bars.filter((bar) => bar.until_s > now_s));
  const fence_s = now_s + line.rules.freeze_s;
  const fenced = state.schedule.sequence.findLastIndex((order) => line.rules.freeze_s > 0 && ahead.some((bar) => bar.order === order && bar.what === "work" && bar.from_s < fence_s));
  const why = (order) => why_fixed(order) ?? (state.schedule.sequence.indexOf(order) <= fenced ? t("frozen until {t}", { t: clock(fence_s, false) }) : null);
  const changed = edit.sequence != null || edit.services != null || edit.faults.length > 0;
  const drawn = edit.sequence ? sketched(ahead, sequence, sequence.filter(why), line.machines, line.orders, now_s) : ahead;
  const refusal = (order, place) => {
    if (why(order)) return () => t("{order} cannot be moved: {why}.", { order, why: why(order) });
    const before = sequence.filter((id) => id !== order)[place];
    return before && why(before) ? () => t("{order} cannot go before {other}: {why}.", { order, other: before, why: why(before) }) : null;
  };
  const bars = with_edits(drawn, services, state.schedule.services, edit.faults, line.machines, now_s);
  const named = (bar) => t("{what} of {machine}", { what: t(bar.kind ?? bar.what), machine: bar.machine });
  const stuck = (bar) => (bar.from_s < now_s ? () => t("{order} cannot be moved: {why}.", { order: named(bar), why: t("running") }) : null);
  const board = { sequence, refusal, move, named, stuck, shift, say: (text, wrong) => setSaid({ text, wrong }) };
  return (
    <>
      <p class="quiet">{t("Drag orders between others, and services and faults to another time, by hand or by keys.")} {changed && t("Drawn by mean times; simulate to know.")}</p>
      <Stamped id="stamp-board" about={changed && [t("not simulated"), t("as of {t}", { t: clock(now_s) })]}>
        <Charts label={t("Sequence")} line={line} now_s={now_s} closed={running.closed} charts={[{ name: t("Sequence"), bars, board }]} />
      </Stamped>
      <p class="said" role="status">{said && <>{said.wrong && <Mark level="medium" label="" />} <span class={said.wrong ? "trouble" : ""}>{said.text()}</span></>}</p>
    </>
  );
}

export function WhatIf() {
  const { line, state } = live;
  const { edit, change, undo, redo, again } = useEdits();
  const { busy, error, act } = useAct();
  const asked = state.what_if;
  const loaded = useEvery(() => get("/api/what-if"), 0, [asked?.number, asked?.over]);
  useEffect(() => {
    const key = (press) => {
      if (!(press.ctrlKey || press.metaKey) || press.key.toLowerCase() !== "z" || /input|select|textarea/i.test(press.target.tagName)) return;
      press.preventDefault();
      (press.shiftKey ? redo : undo)?.();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  });
  if (!line.plans || !state.schedule) return null;
  if (!may("what-if")) return <Panel kept title={t("What if")}><p class="calm">{t("Sign in as planner or engineer to simulate.")}</p>{loaded?.answer && <Result {...loaded} />}</Panel>;

  const sequence = edit.sequence ?? state.schedule.sequence;
  const services = edit.services ?? state.schedule.services;
  const stands = (id) => state.orders?.[line.orders.findIndex((order) => order.id === id)];
  const frozen = sequence.reduce((count, id, i) => (stands(id)?.begun ? i + 1 : count), 0);
  const why_fixed = (id) => (stands(id)?.over ? t("finished") : stands(id)?.begun ? t("running") : sequence.indexOf(id) < frozen ? t("frozen") : null);
  const move = (from, to) => {
    if (from < frozen || to < frozen || to >= sequence.length || from === to) return;
    const next = [...sequence];
    next.splice(to, 0, ...next.splice(from, 1));
    change({ sequence: next });
  };
  const shift = ({ item }, at_s) => {
    const [list, place] = item.split(" ");
    const put = (all, of) => all.map((one, i) => (i === Number(place) ? of(one) : one));
    change(list === "services" ? { services: put(services, ({ machine }) => ({ machine, at_s: Math.round(at_s) })) }
      : { faults: put(edit.faults, (fault) => ({ ...fault, in_s: Math.max(0, Math.round(at_s - state.line_time_s)) })) });
  };
  const run = () => act(() => post("/api/what-if", {
    ...(edit.sequence && { sequence: edit.sequence }),
    ...(edit.services && { services: edit.services }),
    ...(edit.faults.length && { faults: edit.faults }),
    ...(edit.crews && { crews: edit.crews }),
    ...(Object.keys(edit.buffers).length && { buffers: Object.entries(edit.buffers).map(([machine, places]) => ({ machine, places })) }),
    ...(Object.keys(edit.speeds).length && { speeds: Object.entries(edit.speeds).map(([machine, factor]) => ({ machine, factor })) }),
    futures: edit.futures,
  }));
  const running = asked && !asked.over;
  const kinds = (name) => line.machines.find((m) => m.name === name)?.faults ?? [];
  return (
    <Panel kept title={t("What if")} note={t("WHAT-IF · not live")} class="what-if">
      <div class="toolbar">
        <button type="button" disabled={!undo} onClick={undo}>{t("Undo")}</button>
        <button type="button" disabled={!redo} onClick={redo}>{t("Redo")}</button>
        <button type="button" onClick={again}>{t("Start again")}</button>
        <label>{t("Futures")} <Amount min="4" max="200" value={edit.futures} onChange={(value) => change({ futures: value })} /></label>
        <button type="button" class="act" disabled={busy || running} onClick={run}>{t("Simulate")}</button>
        {running && <><Simulating {...asked} /> <button type="button" onClick={() => act(() => post("/api/what-if/cancel", { number: asked.number }))}>{t("Cancel")}</button></>}
        {asked?.cancelled && <span role="status">{t("Cancelled: there is no result.")}</span>}
      </div>
      <Trouble text={error || loaded?.error} />
      <div class={aged()}><Board edit={edit} sequence={sequence} services={services} why_fixed={why_fixed} move={(order, place) => move(sequence.indexOf(order), place)} shift={shift} /></div>
      <div class={`columns even ${aged()}`}>
        <fieldset><legend>{t("Sequence")} </legend>
          <ol class="sequence edit">{sequence.map((id, i) => (
            <li key={id} value={i + 1} class={i < frozen ? "frozen" : ""}>
              <span>{id} <span class="quiet">{why_fixed(id) ?? `${t("due")} ${clock(line.orders.find((o) => o.id === id)?.due_s, false)}`}</span></span>
              {i >= frozen && <span class="arrows"><button type="button" disabled={i === frozen} onClick={() => move(i, frozen)} aria-label={t("Rush {o}: next after those that have started", { o: id })} title={t("Rush {o}: next after those that have started", { o: id })}>⤒</button><button type="button" disabled={i === frozen} onClick={() => move(i, i - 1)} aria-label={t("Move {o} up", { o: id })}>↑</button><button type="button" disabled={i + 1 === sequence.length} onClick={() => move(i, i + 1)} aria-label={t("Move {o} down", { o: id })}>↓</button></span>}
            </li>
          ))}</ol>
        </fieldset>
        <div>
          <fieldset><legend>{t("Services")}</legend>
            <ul>{services.map((s, i) => <li key={i}>{s.machine}{t(", ")}{s.before_order ? t("before {order}", { order: s.before_order }) : t("at {t}", { t: clock(s.at_s, false) })} <button type="button" class="plain" aria-label={`${t("Remove")} ${s.machine}`} onClick={() => change({ services: services.filter((_, k) => k !== i) })}>✕</button></li>)}</ul>
            <form class="row" onSubmit={(e) => { e.preventDefault(); const f = new FormData(e.target); change({ services: [...services, { machine: f.get("machine"), at_s: Math.round(state.line_time_s + 60 * Number(f.get("in"))) }] }); }}>
              <select name="machine" aria-label={t("Machine")}>{line.machines.map((m) => <option key={m.name}>{m.name}</option>)}</select>
              <label>{t("in minutes")} <input name="in" type="number" min="0" max="1440" defaultValue="0" required /></label>
              <button>{t("Add a service")}</button>
            </form>
          </fieldset>
          <fieldset><legend>{t("Faults")}</legend>
            <ul>{edit.faults.map((f, i) => <li key={i}>{f.machine}{t(": ")}{t(f.kind)}{t(", ")}{t("in {t}", { t: lasting(f.in_s) })} <button type="button" class="plain" aria-label={`${t("Remove")} ${f.machine} ${t(f.kind)}`} onClick={() => change({ faults: edit.faults.filter((_, k) => k !== i) })}>✕</button></li>)}</ul>
            <form class="row" onSubmit={(e) => { e.preventDefault(); const f = new FormData(e.target); const [machine, kind] = f.get("what").split("/"); change({ faults: [...edit.faults, { machine, kind, in_s: 60 * Number(f.get("in")), repair_s: kinds(machine).find((k) => k.kind === kind)?.repair_s ?? 1800 }] }); }}>
              <select name="what" aria-label={t("Add a fault")}>{line.machines.flatMap((m) => m.faults.map((k) => <option key={`${m.name}/${k.kind}`} value={`${m.name}/${k.kind}`}>{m.name} · {t(k.kind)}</option>))}</select>
              <label>{t("in minutes")} <input name="in" type="number" min="0" max="1440" defaultValue="60" required /></label>
              <button>{t("Add a fault")}</button>
            </form>
          </fieldset>
          <fieldset><legend>{t("Line")}</legend>
            <label>{t("Repair crews")} <Amount min="1" max="20" value={edit.crews ?? line.crews} onChange={(value) => change({ crews: value })} /></label>
            <Scroll label={t("Line")}><table class="tight"><thead><tr><th scope="col">{t("Machine")}</th><th scope="col">{t("places behind")}</th><th scope="col">{t("time a part")} %</th></tr></thead>
              <tbody>{line.machines.map((m, i) => (
                <tr key={m.name}><th scope="row" class="detail">{m.name}</th>
                  <td>{m.buffer_of === i && !m.last && <Amount min={state.buffers?.[i] ?? 0} max="1000" value={edit.buffers[m.name] ?? m.buffer_after} aria-label={`${t("places behind")} ${m.name}`} onChange={(value) => change({ buffers: { ...edit.buffers, [m.name]: value } })} />}</td>
                  <td><Amount min="20" max="500" value={Math.round(100 * (edit.speeds[m.name] ?? 1))} aria-label={`${t("time a part")} ${m.name}`} onChange={(value) => change({ speeds: { ...edit.speeds, [m.name]: value / 100 } })} /></td></tr>
              ))}</tbody></table></Scroll>
          </fieldset>
        </div>
      </div>
      {loaded?.answer && <Result {...loaded} />}
    </Panel>
  );
}
