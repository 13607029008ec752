// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";
import { clock, lasting, percent, subject, wall } from "./format.js";
import { live, may, post } from "./live.js";
import { Dialog, Mark, Panel, Reason, Scroll, Trouble, WhyField, level_of, needs_acknowledgement, useAct } from "./parts.jsx";
import { Notes } from "./overview.jsx";
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
      <label>{t("Minutes")} <input name="minutes" type="number" min="1" max="1440" value="30" required /></label>
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

export function Alarms() {
  const { state, notes } = live;
  const [filter, setFilter] = useState("");
  const [sort, setSort] = useState("since");
  const raised = notes.filter((note) => note.event === "alarm" && note.what === "raised");
  const since = (s) => raised.filter((note) => note.at_s >= state.line_time_s - s).length;
  const matches = (text) => text.toLowerCase().includes(filter.toLowerCase());
  const shown = state.alarms
    .filter((alarm) => matches(`${alarm.id} ${subject(alarm.id)} ${t(alarm.state)} ${t(alarm.class)}`))
    .sort((a, b) => (sort === "since" ? needs_acknowledgement(b) - needs_acknowledgement(a) || b.since_s - a.since_s : a.id.localeCompare(b.id)));
  const ten = since(600);
  return (
    <div class="page">
      <Panel title={t("Alarms")} note={`ISA-18.2 · ${shown.length}`}>
        <div class="toolbar"><label>{t("Filter")} <input type="search" value={filter} onInput={(e) => setFilter(e.target.value)} /></label> <TakeOut /></div>
        {shown.length === 0 ? <p class="calm">{t("No alarm stands.")}</p> : (
          <Scroll label={t("Alarms")}><table class="cards">
            <thead><tr><th>{t("Priority")}</th>
              <th aria-sort={sort === "id" ? "ascending" : "none"}><button type="button" class="plain" onClick={() => setSort("id")}>{t("Alarm")}</button></th>
              <th>{t("State")}</th>
              <th aria-sort={sort === "since" ? "descending" : "none"}><button type="button" class="plain" onClick={() => setSort("since")}>{t("Since")}</button></th>
              <th>{t("Text")}</th><th>{t("Actions")}</th></tr></thead>
            <tbody>{shown.map((alarm) => (
              <tr key={alarm.id} class={needs_acknowledgement(alarm) ? "new" : ""}>
                <td><Mark level={level_of(alarm)} label="" /> {t(alarm.class)}{alarm.priority && <span class="quiet"> · {t(alarm.priority)}</span>}</td>
                <td><b>{subject(alarm.id)}</b></td>
                <td><span>{alarm.until_s != null ? t("shelved until {t}", { t: clock(alarm.until_s, false) }) : t(alarm.state)}</span>
                  {alarm.by && <><br /><span class="quiet">{alarm.by} · {wall(alarm.hidden_ms)}{alarm.reason && <>: <Reason text={alarm.reason} /></>}</span></>}</td>
                <td class="n" data-name={t("Since")}>{clock(alarm.since_s)}</td>
                <td>{alarm.class === "forecast" && alarm.probability > 0
                  ? <>{t("{p} within {h}", { p: percent(alarm.probability), h: lasting(live.line.rules.horizon_s) })}{alarm.expected_in_s != null && `, ${t("expected in {t}", { t: lasting(alarm.expected_in_s) })}`}<br /><span class="quiet">{spoken(alarm.why)}</span></>
                  : spoken(alarm.why)}</td>
                <td class="acts"><Acknowledge alarm={alarm} /> <Shelve alarm={alarm} /> <Service alarm={alarm} /></td>
              </tr>
            ))}</tbody>
          </table></Scroll>
        )}
      </Panel>
      <Panel title={t("Alarm load")} note={t("manageable is up to 2 in 10 min; over 10 is a flood")}>
        <div class="figures">
          <div class="figure"><span class="quiet">{t("raised in the last 10 min")}</span><span class="big">{ten > 10 && <Mark level="high" />} {ten}</span></div>
          <div class="figure"><span class="quiet">{t("raised in the last hour")}</span><span class="big">{since(3600)}</span></div>
        </div>
      </Panel>
      <Panel title={t("Journal")}>
        <Notes notes={notes.filter((note) => note.event === "alarm" || note.event === "link").slice(-60).reverse()} />
      </Panel>
    </div>
  );
}
