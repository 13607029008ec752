// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { clock, lasting, number, percent, subject, wall } from "./format.js";
import { freshness, get, live, may, post } from "./live.js";
import { Age, Dialog, Mark, Moment, Notes, Panel, Reason, Scroll, Trouble, WhyField, aged_alarm, level_of, needs_acknowledgement, priorities, told_why, useAct, useEvery, useQuery } from "./parts.jsx";
import { spoken } from "./said.js";
import { t } from "./text.js";

export function Acknowledge({ alarm }) {
  const { busy, error, act } = useAct();
  if (!needs_acknowledgement(alarm) || !may("acknowledge")) return null;
  return (
    <span>
      <button type="button" disabled={busy} aria-label={`${t("Acknowledge")} ${subject(alarm.id)}`}
        onClick={(click) => { click.preventDefault(); act(() => post("/api/acknowledge", { alarm: alarm.id })); }}>{t("Acknowledge")}</button>
      <Trouble text={error} />
    </span>
  );
}

/** A button that asks for a reason, and for what its children ask, before it acts. */
function WithReason({ text, title, name, act: of, send, children }) {
  const [open, setOpen] = useState(false);
  const { busy, error, act, setError } = useAct();
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    if (await act(() => send(form))) setOpen(false);
  };
  return (
    <>
      <button type="button" class="plain" onClick={() => { setError(""); setOpen(true); }} aria-label={name && `${text} ${name}`}>{text}</button>
      {open && (
        <Dialog title={title} onClose={() => setOpen(false)}>
          <form onSubmit={submit}>
            {name && <p><b>{name}</b></p>}
            {children}
            <WhyField label={t("Reason")} act={of} />
            <Trouble text={error} />
            <footer><button disabled={busy}>{text}</button></footer>
          </form>
        </Dialog>
      )}
    </>
  );
}

function Shelve({ alarm }) {
  const { busy, error, act } = useAct();
  if (!may("shelve") || alarm.state === "out-of-service") return null;
  if (alarm.state === "shelved")
    return <><button type="button" class="plain" disabled={busy} aria-label={`${t("Unshelve")} ${subject(alarm.id)}`} onClick={() => act(() => post("/api/unshelve", { alarm: alarm.id }))}>{t("Unshelve")}</button><Trouble text={error} /></>;
  return (
    <WithReason act="shelve" text={t("Shelve")} title={t("Shelve the alarm")} name={subject(alarm.id)}
      send={(form) => post("/api/shelve", { alarm: alarm.id, for_s: 60 * Number(form.get("minutes")), reason: form.get("reason") })}>
      <label>{t("Minutes")} <input name="minutes" type="number" min="1" max="1440" defaultValue="30" required /></label>
    </WithReason>
  );
}

const service = (form, alarm, in_service) => post("/api/service", { alarm, in_service, reason: form.get("reason") });

function Service({ alarm }) {
  if (!may("service")) return null;
  const back = alarm.state === "out-of-service";
  return <WithReason act={back ? "return" : "service"} text={t(back ? "Return to service" : "Out of service")} title={t(back ? "Return the alarm to service" : "Take the alarm out of service")}
    name={subject(alarm.id)} send={(form) => service(form, alarm.id, back)} />;
}

/** For those alarms that do not stand now: all that this line can have. */
function TakeOut() {
  const { line, state } = live;
  if (!may("service")) return null;
  const out = new Set(state.alarms.filter((alarm) => alarm.state === "out-of-service").map((alarm) => alarm.id));
  const ids = [...line.machines.flatMap((m) => [...m.faults.filter((f) => f.warns).map((f) => f.kind), ...m.signals.map((s) => s.name)].map((what) => `${m.name}/${what}`)),
    "plc/communication", "plc/deployment"].filter((id) => !out.has(id));
  return (
    <WithReason act="service" text={t("Take an alarm out of service")} title={t("Take the alarm out of service")} send={(form) => service(form, form.get("alarm"), false)}>
      <label>{t("Alarm")} <select name="alarm" required>{ids.map((id) => <option key={id} value={id}>{subject(id)}</option>)}</select></label>
    </WithReason>
  );
}

const states = ["unacknowledged", "acknowledged", "returned-unacknowledged", "shelved", "out-of-service"];
const classes = ["forecast", "data-quality", "communication", "deployment"];
const spans = [600, 3600, 8 * 3600, 24 * 3600];
const rank = (alarm) => priorities.indexOf(alarm.priority);
const by = {
  since: (a, b) => needs_acknowledgement(b) - needs_acknowledgement(a) || b.since_s - a.since_s,
  id: (a, b) => a.id.localeCompare(b.id),
  priority: (a, b) => rank(a) - rank(b) || by.since(a, b),
};

/** Whether an alarm, or a note about one, is among those that were asked for. */
function wanted(query, { id, priority, class: kind, state, at_s, text }) {
  const { line_time_s } = live.state;
  return (!query.machine || id.split("/")[0] === query.machine)
    && (!query.priority || priority === query.priority)
    && (!query.class || kind === query.class)
    && (!query.state || state === query.state)
    && (!query.within || at_s >= line_time_s - Number(query.within))
    && (!query.text || text.toLowerCase().includes(query.text.toLowerCase()));
}

function Filters({ query, choose }) {
  const select = (name, label, options) => (
    <label>{t(label)} <select value={query[name] ?? ""} onChange={(e) => choose({ [name]: e.target.value })}>
      <option value="">{t("all")}</option>
      {options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
    </select></label>
  );
  const named = (names) => names.map((name) => [name, t(name)]);
  return (
    <div class="toolbar" role="search" aria-label={t("Filter")}>
      {select("machine", "Machine", [...live.line.machines.map((m) => [m.name, m.name]), ["plc", t("plc")]])}
      {select("priority", "Priority", named(priorities))}
      {select("class", "Class", classes.map((name) => [name, name === "forecast" ? t("Prediction") : t(name)]))}
      {select("state", "State", named(states))}
      {select("within", "Time", spans.map((s) => [s, t("last {t}", { t: lasting(s) })]))}
      <label>{t("Text")} <input type="search" value={query.text ?? ""} onInput={(e) => choose({ text: e.target.value })} /></label>
      <button type="button" disabled={Object.keys(query).every((name) => name === "sort")} onClick={() => choose(Object.fromEntries(Object.keys(query).filter((name) => name !== "sort").map((name) => [name, ""])))}>{t("Show all")}</button>
    </div>
  );
}

const sides = [["alarms", "Alarms"], ["predictions", "Predictions"], ["both", "together"]];

/** Figures of ISA-18.2 and IEC 62682, with what they recommend. */
function Load({ load }) {
  if (!load?.both) return <p class="calm">{load?.error ?? t("Loading")}</p>;
  const row = (name, wanted, of, over, level = "medium") => (
    <tr key={name}><th scope="row">{name}</th>
      {sides.map(([side]) => <td key={side} class="n">{over?.(load[side]) && <Mark level={level} label={t("over")} />} {of(load[side])}</td>)}
      <td class="quiet">{wanted}</td></tr>
  );
  const share = ({ by_priority: [low, medium, high, critical], raised }) => (raised === 0 ? "–" : [low, medium, high + critical].map((n) => Math.round((100 * n) / raised)).join(" / "));
  const named = (found) => (found.length === 0 ? "0" : <>{found.length}<br /><span class="quiet">{found.map((one) => (one.id ? `${subject(one.id)} (${one.n})` : subject(one))).join(t(", "))}</span></>);
  return (
    <div class="columns even">
      <Scroll label={t("Alarm load")}><table class="tight">
        <thead><tr><th scope="col">{t("Measure")}</th>{sides.map(([side, name]) => <th key={side} scope="col" class="n">{t(name)}</th>)}<th scope="col">{t("recommended")}</th></tr></thead>
        <tbody>
          {row(t("raised"), "", (of) => number(of.raised, 0))}
          {row(t("in 10 min, mean"), t("1; 2 are manageable"), (of) => number(of.per_interval, 2), (of) => of.per_interval > 2)}
          {row(t("in 10 min, most"), t("10 at most"), (of) => <>{of.peak}{of.peak_at_s != null && <span class="quiet"> {t("at {t}", { t: clock(of.peak_at_s, false) })}</span>}</>, (of) => of.peak > 10)}
          {row(t("share of the time in flood"), t("below 1 %"), (of) => `${number(100 * of.flood_share, 1)} %`, (of) => of.flood_share >= 0.01, "high")}
          {row(t("stale: stand for over 24 h"), t("none"), (of) => named(of.stale), (of) => of.stale.length > 0)}
          {row(t("chattering: 3 or more in a minute"), t("none"), (of) => named(of.chattering), (of) => of.chattering.length > 0)}
          {row(t("low / medium / high, %"), "80 / 15 / 5", share)}
        </tbody>
      </table></Scroll>
      <Scroll label={t("Most frequent")}><table class="tight">
        <thead><tr><th scope="col">{t("Most frequent")}</th><th scope="col" class="n">{t("raised")}</th><th scope="col" class="n">{t("share")}</th></tr></thead>
        <tbody>{load.both.offenders.length === 0 ? <tr><td colSpan="3" class="quiet">{t("none")}</td></tr>
          : load.both.offenders.map(({ id, n }) => <tr key={id}><th scope="row">{subject(id)}</th><td class="n">{n}</td><td class="n">{percent(n / load.both.raised)}</td></tr>)}</tbody>
      </table></Scroll>
    </div>
  );
}

export function Alarms() {
  const { state, notes } = live;
  const [query, choose] = useQuery();
  const load = useEvery(() => get("/api/alarm-load"), 5000, []);
  const sort = Object.hasOwn(by, query.sort ?? "") ? query.sort : "since";
  const shown = state.alarms
    .filter((alarm) => wanted(query, { ...alarm, at_s: alarm.since_s, text: `${alarm.id} ${subject(alarm.id)} ${t(alarm.state)} ${t(alarm.class)} ${spoken(alarm.why)}` }))
    .sort(by[sort]);
  const told = notes
    .filter((note) => note.event === "alarm" || note.event === "link")
    .filter((note) => wanted({ ...query, state: "", ...(note.class == null && { class: "", priority: "" }) }, { id: note.subject ?? "", priority: note.priority, class: note.class, at_s: note.at_s, text: `${note.subject} ${note.text}` }));
  const head = (name, text, direction) => (
    <th scope="col" aria-sort={sort === name ? direction : "none"}><button type="button" class="plain" onClick={() => choose({ sort: name === "since" ? "" : name })}>{t(text)}</button></th>
  );
  return (
    <div class="page">
      <Panel kept title={t("Alarms")} note={`ISA-18.2 · ${t("{n} of {all}", { n: shown.length, all: state.alarms.length })}`}>
        <Filters query={query} choose={choose} />
        <div class="toolbar"><TakeOut /> {freshness() === "plc" && <Age />}</div>
        {shown.length === 0 ? <p class="calm" role="status">{state.alarms.length === 0 ? t("No alarm stands.") : t("No alarm is so.")}</p> : (
          <Scroll label={t("Alarms")}><table class="cards">
            <thead><tr>{head("priority", "Priority", "ascending")}{head("id", "Alarm", "ascending")}<th scope="col">{t("State")}</th>{head("since", "Since", "descending")}
              <th scope="col">{t("Text")}</th><th scope="col">{t("Actions")}</th></tr></thead>
            <tbody>{shown.map((alarm) => (
              <tr key={alarm.id} class={`${needs_acknowledgement(alarm) ? "new" : ""} ${aged_alarm(alarm)}`}>
                <td><Mark level={level_of(alarm)} label="" /> {alarm.class === "forecast" ? <>{t("Prediction")} <span class="quiet nowrap">· {t(alarm.priority)}</span></> : <>{t(alarm.priority)} <span class="quiet nowrap">· {t(alarm.class)}</span></>}</td>
                <th scope="row">{subject(alarm.id)}</th>
                <td><span>{alarm.until_s != null ? t("shelved until {t}", { t: clock(alarm.until_s, false) }) : t(alarm.state)}</span>
                  {alarm.by && <><br /><span class="quiet">{alarm.by} · {wall(alarm.hidden_ms)}{alarm.reason && <>{t(": ")}<Reason text={alarm.reason} /></>}</span></>}</td>
                <td class="nowrap" data-name={t("Since")}><Moment s={alarm.since_s} /></td>
                <td>{alarm.class === "forecast" && alarm.probability > 0
                  ? <>{t("{p} within {h}", { p: percent(alarm.probability), h: lasting(live.line.rules.horizon_s) })}{alarm.expected_in_s != null && `${t(", ")}${t("expected in {t}", { t: lasting(alarm.expected_in_s) })}`}{told_why(alarm) && <><br /><span class="quiet">{spoken(told_why(alarm))}</span></>}</>
                  : spoken(alarm.why)}</td>
                <td class="acts"><Acknowledge alarm={alarm} /> <Shelve alarm={alarm} /> <Service alarm={alarm} /></td>
              </tr>
            ))}</tbody>
          </table></Scroll>
        )}
      </Panel>
      <Panel kept title={t("Alarm load")} note={load?.both && t("after ISA-18.2 and IEC 62682, {a} to {b} ({t}), for one operator", { a: clock(load.from_s, false), b: clock(load.until_s, false, load.from_s), t: lasting(load.until_s - load.from_s) })}>
        <Load load={load} />
      </Panel>
      <Panel kept title={t("Journal")}>
        <Notes notes={told.slice(-60).reverse()} />
      </Panel>
    </div>
  );
}
