// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";
import { lasting, line_clock, measure, measure_name, says, subject, unit_beside, unit_in, unit_of } from "./format.js";
import { get, live, may, post } from "./live.js";
import { Mark, Panel, Scroll, Trouble, rem, useAct, useEvery } from "./parts.jsx";
import { spoken } from "./said.js";
import { t } from "./text.js";
import { Trend } from "./trend.jsx";

const step_ms = 120;
const steps_of_a_replay = 200;

function Verdict({ passed, error }) {
  if (error) return <span class="bad"><Mark level="medium" label="" /> {t("could not run")}</span>;
  return passed ? <span><span aria-hidden="true">✓</span> {t("passed")}</span> : <span class="bad"><Mark level="high" label="" /> {t("failed")}</span>;
}

/** One seed again: what each machine did and measured, with a cursor in line time. */
function Replay({ replay, foremost }) {
  const mentioned = replay.machines.findIndex((machine) => foremost.includes(`${machine.name}/`));
  const [chosen, setChosen] = useState(Math.max(0, mentioned));
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const last = Math.max(0, replay.at_s.length - 1);
  useEffect(() => {
    if (!playing) return undefined;
    const timer = setInterval(() => setAt((now) => Math.min(last, now + Math.max(1, Math.round(last / steps_of_a_replay)))), step_ms);
    return () => clearInterval(timer);
  }, [playing]);
  useEffect(() => {
    if (at === last) setPlaying(false);
  }, [at]);
  if (replay.at_s.length === 0) return <p class="calm">{t("This seed has no trace: {end}.", { end: spoken(replay.end) })}</p>;
  const machine = replay.machines[chosen] ?? replay.machines[0];
  const now_s = replay.at_s[at];
  const faults = replay.faults.filter((fault) => fault.machine === machine.name && fault.onset_s >= 0);
  const shown = faults.find((fault) => fault.failed_s < 0 || fault.failed_s >= now_s) ?? faults[faults.length - 1];
  const mark = { from: shown?.onset_s ?? now_s, until: shown ? (shown.failed_s >= 0 ? shown.failed_s : replay.at_s[last]) : now_s, middle: now_s };
  const em = rem();
  return (
    <>
      <div class="toolbar">
        <button type="button" onClick={() => { if (at === last) setAt(0); setPlaying(!playing); }}>{playing ? t("Pause") : t("Play")}</button>
        <label class="grow">{t("Line time")} <input type="range" min="0" max={last} value={at} onInput={(e) => { setPlaying(false); setAt(Number(e.target.value)); }} aria-valuetext={line_clock(now_s)} /></label>
        <b>{line_clock(now_s)}</b>
        <label>{t("Machine")} <select value={chosen} onChange={(e) => setChosen(Number(e.target.value))}>{replay.machines.map((m, i) => <option key={m.name} value={i}>{m.name}</option>)}</select></label>
      </div>
      <p class="states">{replay.machines.map((m) => <span key={m.name} class={m.name === machine.name ? "strong" : "quiet"}>{m.name}{t(": ")}{t(m.states[at])}</span>)}</p>
      {machine.signals.map((signal) => (
        <div class="signal" key={`${machine.name}/${signal.name}`}>
          <div class="reading"><b>{signal.name}</b> <span class="quiet">{unit_of(signal.unit)}</span></div>
          <Trend simulated height={Math.round(6 * em)} at_s={replay.at_s} value={signal.values} mark={mark} label={`${machine.name} ${signal.name}, ${unit_of(signal.unit)}`} />
        </div>
      ))}
      <div class="columns even">
        <div><h3>{t("Faults")}</h3>
          {replay.faults.length === 0 && <p class="calm">{t("none")}</p>}
          <ul>{replay.faults.map((fault, i) => <li key={i}>{fault.machine}{t(": ")}{t(fault.kind)}{t(", ")}{t("begins")} {line_clock(fault.onset_s)}{fault.failed_s >= 0 ? `${t(", ")}${t("stops the machine")} ${line_clock(fault.failed_s)}` : ""}{fault.prevented ? `${t(", ")}${t("prevented")}` : ""}</li>)}</ul></div>
        <div><h3>{t("Alarms")}</h3>
          {replay.alarms.length === 0 && <p class="calm">{t("none")}</p>}
          <ul>{replay.alarms.map((alarm, i) => <li key={i} class={alarm.at_s <= now_s ? "" : "quiet"}><button type="button" class="plain" onClick={() => setAt(Math.max(0, replay.at_s.findIndex((s) => s >= alarm.at_s)))}>{line_clock(alarm.at_s)}</button> {subject(alarm.id)} {t(alarm.what)}</li>)}</ul></div>
      </div>
    </>
  );
}

function Result({ ran }) {
  const { verdict } = ran;
  const failing = verdict.expectations.find((expectation) => !expectation.passed);
  return (
    <Panel kept title={verdict.title} note={`${ran.file} · ${t("{n} seeds", { n: verdict.seeds })} · ${t("by")} ${ran.who}`} class="verdict">
      <p class="lead"><Verdict passed={verdict.passed} /></p>
      {verdict.broken_invariants.length > 0 && <Trouble text={verdict.broken_invariants.map(spoken).join(t("; "))} />}
      <Scroll label={t("Expectations")}><table class="roomy">
        <thead><tr><th scope="col">{t("Result")}</th><th scope="col" class="n">{t("File line")}</th><th scope="col">{t("Expected")}</th><th scope="col" class="n">{t("Held on")}</th><th scope="col">{t("Got, on the worst seed")}</th></tr></thead>
        <tbody>{verdict.expectations.map((e) => (
          <tr key={e.line}><td><Verdict passed={e.passed} /></td><td class="n">{e.line}</td>
            <td class="detail">{spoken(e.text)}{!e.passed && <><pre class="mono">{e.source}</pre><span class="quiet">{t("Again")}{t(": ")}<code>{e.again}</code></span></>}</td>
            <td class="n nowrap">{e.held} / {verdict.seeds} <span class="quiet">({t("wanted")} {e.wanted})</span></td>
            <td class="detail">{spoken(e.got)} <span class="quiet">{t("seed")} {e.worst_seed}</span></td></tr>
        ))}</tbody>
      </table></Scroll>
      <h3>{t("Replay of seed {s}", { s: verdict.replay.seed })}</h3>
      <Replay key={ran.number} replay={verdict.replay} foremost={failing?.text ?? verdict.expectations[0]?.text ?? ""} />
      <details><summary>{t("Measures, 95 % intervals")}</summary>
        <Scroll label={t("Measures, 95 % intervals")}><table class="tight">
          <thead><tr><th scope="col">{t("Measure")}</th><th scope="col" class="n">{t("mean")}</th><th scope="col" class="n">{t("95 % interval")}</th></tr></thead>
          <tbody>{Object.entries(verdict.measures).filter(([, m]) => says(m)).map(([name, m]) => <tr key={name}><td>{measure_name(name)} <span class="quiet">{unit_beside(name, m.unit)}</span></td><td class="n">{measure(m.mean, unit_in(name, m.unit))}</td><td class="n">{measure(m.low, unit_in(name, m.unit))} – {measure(m.high, unit_in(name, m.unit))}</td></tr>)}</tbody>
        </table></Scroll></details>
    </Panel>
  );
}

export function Scenarios() {
  const { line, state } = live;
  const now = state.scenario;
  const { busy, error, act } = useAct();
  const files = useEvery(() => get("/api/scenarios"), 0, [now?.number, now?.over]);
  const ran = useEvery(() => get("/api/scenario"), 0, [now?.number, now?.over]);
  if (!line.scenarios) return <Panel kept title={t("Scenarios")}><p class="calm">{t("The configuration names no folder of scenario files ([hmi] scenarios).")}</p></Panel>;
  const running = now && !now.over;
  const mine = may("run-scenario");
  return (
    <div class="page">
      <Panel kept title={t("Scenarios")} note={mine ? t("simulated; the plant is not touched") : t("Sign in as planner or engineer to run one.")}>
        {running && (
          <p class="row"><span role="status">{t("{what}: {done} of {all}", { what: spoken(now.what) || now.file, done: now.done, all: now.all })}</span> <progress max={now.all || 1} value={now.done} aria-label={now.file} />
            {now.left_s != null && <span>{t("{t} to go", { t: lasting(now.left_s) })}</span>}
            {mine && <button type="button" disabled={now.cancelled} aria-label={`${t("Cancel")} ${now.file}`} onClick={() => act(() => post("/api/scenario/cancel", {}))}>{t("Cancel")}</button>}</p>
        )}
        <Trouble text={error || files?.error || (ran?.over && ran.error)} />
        <Scroll label={t("Scenarios")}><table class="roomy">
          <thead><tr><th scope="col">{t("File")}</th><th scope="col">{t("Scenario")}</th><th scope="col">{t("Line")}</th><th scope="col" class="n">{t("Seeds")}</th><th scope="col" class="n">{t("Expectations")}</th><th scope="col" class="nowrap">{t("Last result")}</th><th scope="col"><span class="sr">{t("Run")}</span></th></tr></thead>
          <tbody>{(Array.isArray(files) ? files : []).map((file) => (
            <tr key={file.file}><td class="mono nowrap">{file.file}</td>
              {file.error ? <td colSpan="4" class="trouble lines" lang="">{file.error}</td> : <><td>{file.title}</td><td>{file.line}</td><td class="n">{file.seeds}</td><td class="n">{file.expectations}</td></>}
              <td class="nowrap">{file.ended ? <Verdict passed={file.ended.passed} error={file.ended.error} /> : <span class="quiet">{t("not run yet")}</span>}</td>
              <td class="acts">{mine && !file.error && <button type="button" disabled={busy || running} aria-label={`${t("Run")} ${file.file}`} onClick={() => act(() => post("/api/scenario", { file: file.file }))}>{t("Run")}</button>}</td></tr>
          ))}</tbody>
        </table></Scroll>
      </Panel>
      {ran?.verdict && ran.over && <Result ran={ran} />}
    </div>
  );
}
