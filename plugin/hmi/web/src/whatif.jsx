// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";
import { clock, lasting, percent } from "./format.js";
import { Pair } from "./gantt.jsx";
import { get, live, may, post } from "./live.js";
import { Panel, Scroll, Trouble, useAct, useEvery } from "./parts.jsx";
import { Compared, Interval } from "./plan.jsx";
import { spoken } from "./said.js";
import { is_chinese, t } from "./text.js";

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

function Result({ answer }) {
  const { line } = live;
  return (
    <div class="watermark" data-text={t("WHAT-IF · not live")}>
      <p class="lead"><b>{answer.what.map(spoken).join(is_chinese() ? "；" : ", ") || t("no change")}</b></p>
      <p class="quiet">{t("From the line's state at {t}, seed {s}.", { t: clock(answer.at_s), s: answer.seed })} {t("better in {n} of {all} futures", { n: answer.better, all: answer.futures })}. {t("mean gain")}: <Interval value={answer.gain} signed /></p>
      <Compared first={t("as it runs")} second={t("what if")} rows={answer.measures.map((m) => ({ name: m.name, unit: m.unit, first: m.keep, second: m.edited, difference: m.difference }))} />
      <Scroll label={t("Orders")}><table class="cards">
        <thead><tr><th>{t("Order")}</th><th class="n">{t("due")}</th><th class="n">{t("on time")}: {t("as it runs")}</th><th class="n">{t("on time")}: {t("what if")}</th><th class="n">{t("finish, P10 to P90")}</th></tr></thead>
        <tbody>{answer.orders.edited.map((order, i) => (
          <tr key={order.order}><th scope="row">{order.order}</th><td class="n" data-name={t("due")}>{clock(order.due_s, false)}</td>
            {order.p90_s != null && order.p90_s <= answer.at_s ? <td class="n quiet" colSpan="3">{t("finished")}</td> : (
              <>
                <td class="n" data-name={`${t("on time")}: ${t("as it runs")}`}>{percent(answer.orders.keep[i].on_time)}</td>
                <td class="n" data-name={`${t("on time")}: ${t("what if")}`}><span>{percent(order.on_time)} <span class="quiet">[{percent(order.on_time_low)}, {percent(order.on_time_high)}]</span></span></td>
                <td class="n" data-name={t("finish, P10 to P90")}>{order.p10_s != null ? `${clock(order.p10_s, false)} – ${clock(order.p90_s, false)}` : "–"}</td>
              </>
            )}</tr>
        ))}</tbody>
      </table></Scroll>
      <Pair first={answer.gantt.keep} second={answer.gantt.edited} line={line} now_s={answer.at_s} first_name={t("as it runs")} second_name={t("what if")} finishes={{ first: answer.orders.keep, second: answer.orders.edited }} />
    </div>
  );
}

export function WhatIf() {
  const { line, state } = live;
  const { edit, change, undo, redo, again } = useEdits();
  const { busy, error, act } = useAct();
  const [dragged, setDragged] = useState(null);
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
  if (!may("what-if")) return <Panel title={t("What if")}><p class="calm">{t("Sign in as planner or engineer to simulate.")}</p>{loaded?.answer && <Result answer={loaded.answer} />}</Panel>;

  const sequence = edit.sequence ?? state.schedule.sequence;
  const services = edit.services ?? state.schedule.services;
  const frozen = sequence.filter((id) => state.orders?.[line.orders.findIndex((order) => order.id === id)]?.begun).length;
  const move = (from, to) => {
    if (from < frozen || to < frozen || to >= sequence.length || from === to) return;
    const next = [...sequence];
    next.splice(to, 0, ...next.splice(from, 1));
    change({ sequence: next });
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
    <Panel title={t("What if")} note={t("WHAT-IF · not live")} class="what-if">
      <div class="toolbar">
        <button type="button" disabled={!undo} onClick={undo}>{t("Undo")}</button>
        <button type="button" disabled={!redo} onClick={redo}>{t("Redo")}</button>
        <button type="button" onClick={again}>{t("Start again")}</button>
        <label>{t("Futures")} <input type="number" min="4" max="200" value={edit.futures} onChange={(e) => change({ futures: Number(e.target.value) })} /></label>
        <button type="button" class="act" disabled={busy || running} onClick={run}>{t("Simulate")}</button>
        {running && <span role="status">{t("simulating: {done} of {all} futures", asked)} <progress max={asked.all} value={asked.done} /></span>}
      </div>
      <Trouble text={error || loaded?.error} />
      <div class="columns even">
        <fieldset><legend>{t("Sequence")} <span class="quiet">({t("drag, or use the arrows")})</span></legend>
          <ol class="sequence edit">{sequence.map((id, i) => (
            <li key={id} class={`${i < frozen ? "frozen" : ""} ${dragged === i ? "dragged" : ""}`} draggable={i >= frozen}
              onDragStart={(e) => { setDragged(i); e.dataTransfer.setData("text/plain", id); }} onDragEnd={() => setDragged(null)}
              onDragOver={(e) => e.preventDefault()} onDrop={(e) => { e.preventDefault(); if (dragged != null) move(dragged, i); setDragged(null); }}>
              <span>{id} <span class="quiet">{i < frozen ? t("frozen") : `${t("due")} ${clock(line.orders.find((o) => o.id === id)?.due_s, false)}`}</span></span>
              {i >= frozen && <span class="arrows"><button type="button" disabled={i === frozen} onClick={() => move(i, frozen)} aria-label={t("Rush {o}: next after those that have started", { o: id })} title={t("Rush {o}: next after those that have started", { o: id })}>⤒</button><button type="button" disabled={i === frozen} onClick={() => move(i, i - 1)} aria-label={t("Move {o} up", { o: id })}>↑</button><button type="button" disabled={i + 1 === sequence.length} onClick={() => move(i, i + 1)} aria-label={t("Move {o} down", { o: id })}>↓</button></span>}
            </li>
          ))}</ol>
        </fieldset>
        <div>
          <fieldset><legend>{t("Services")}</legend>
            <ul>{services.map((s, i) => <li key={i}>{s.machine}, {s.before_order ? t("before {order}", { order: s.before_order }) : t("at {t}", { t: clock(s.at_s, false) })} <button type="button" class="plain" aria-label={`${t("Remove")} ${s.machine}`} onClick={() => change({ services: services.filter((_, k) => k !== i) })}>✕</button></li>)}</ul>
            <form class="row" onSubmit={(e) => { e.preventDefault(); const f = new FormData(e.target); change({ services: [...services, { machine: f.get("machine"), at_s: Math.round(state.line_time_s + 60 * Number(f.get("in"))) }] }); }}>
              <select name="machine" aria-label={t("Machine")}>{line.machines.map((m) => <option key={m.name}>{m.name}</option>)}</select>
              <label>{t("in minutes")} <input name="in" type="number" min="0" max="1440" value="0" required /></label>
              <button>{t("Add a service")}</button>
            </form>
          </fieldset>
          <fieldset><legend>{t("Faults")}</legend>
            <ul>{edit.faults.map((f, i) => <li key={i}>{f.machine}: {t(f.kind)}, {lasting(f.in_s)} <button type="button" class="plain" aria-label={`${t("Remove")} ${f.machine} ${t(f.kind)}`} onClick={() => change({ faults: edit.faults.filter((_, k) => k !== i) })}>✕</button></li>)}</ul>
            <form class="row" onSubmit={(e) => { e.preventDefault(); const f = new FormData(e.target); const [machine, kind] = f.get("what").split("/"); change({ faults: [...edit.faults, { machine, kind, in_s: 60 * Number(f.get("in")), repair_s: kinds(machine).find((k) => k.kind === kind)?.repair_s ?? 1800 }] }); }}>
              <select name="what" aria-label={t("Add a fault")}>{line.machines.flatMap((m) => m.faults.map((k) => <option key={`${m.name}/${k.kind}`} value={`${m.name}/${k.kind}`}>{m.name} · {t(k.kind)}</option>))}</select>
              <label>{t("in minutes")} <input name="in" type="number" min="0" max="1440" value="60" required /></label>
              <button>{t("Add a fault")}</button>
            </form>
          </fieldset>
          <fieldset><legend>{t("Line")}</legend>
            <label>{t("Repair crews")} <input type="number" min="1" max="20" value={edit.crews ?? line.crews} onChange={(e) => change({ crews: Number(e.target.value) })} /></label>
            <Scroll label={t("Line")}><table class="tight"><thead><tr><th>{t("Machine")}</th><th>{t("places behind")}</th><th>{t("time a part")} %</th></tr></thead>
              <tbody>{line.machines.map((m, i) => (
                <tr key={m.name}><td>{m.name}</td>
                  <td>{m.buffer_of === i && !m.last && <input type="number" min={state.buffers?.[i] ?? 0} max="1000" value={edit.buffers[m.name] ?? m.buffer_after} aria-label={`${t("places behind")} ${m.name}`} onChange={(e) => change({ buffers: { ...edit.buffers, [m.name]: Number(e.target.value) } })} />}</td>
                  <td><input type="number" min="20" max="500" value={Math.round(100 * (edit.speeds[m.name] ?? 1))} aria-label={`${t("time a part")} ${m.name}`} onChange={(e) => change({ speeds: { ...edit.speeds, [m.name]: Number(e.target.value) / 100 } })} /></td></tr>
              ))}</tbody></table></Scroll>
          </fieldset>
        </div>
      </div>
      {loaded?.answer && <Result answer={loaded.answer} />}
    </Panel>
  );
}
