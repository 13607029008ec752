// SPDX-License-Identifier: Apache-2.0
import { Acknowledge } from "./alarms.jsx";
import { clock, forecasts_of, lasting, measure_name, number, percent, subject, unit_in } from "./format.js";
import { Flow } from "./flow.jsx";
import { Interval, paired } from "./compared.jsx";
import { cause_of, service_said } from "./plan.jsx";
import { Age, Fresh, Mark, Moment, Notes, Panel, Simulating, aged, aged_alarm, fitted, level_of, needs_acknowledgement, priorities, rem, told_why, useEvery, useWidth } from "./parts.jsx";
import { freshness, get, live } from "./live.js";
import { reason_of, spoken } from "./said.js";
import { t } from "./text.js";

const abnormal = { Held: "high", Aborted: "high", Aborting: "high", Stopped: "medium", Holding: "high", Undefined: "low" };
const worth_a_look = 0.1;
const orders_shown = 12;
const alarms_shown = 6;
const badges_shown = 3;

/** What an operator looks at first: what waits for him, by priority. */
const foremost = (alarms) => [...alarms].sort((a, b) => needs_acknowledgement(b) - needs_acknowledgement(a) || priorities.indexOf(a.priority) - priorities.indexOf(b.priority) || b.since_s - a.since_s);

function MachineCard({ machine, known, state }) {
  const alarms = foremost(state.alarms.filter((alarm) => alarm.id.startsWith(`${machine.name}/`)));
  // Outside its working time a machine is as it should be.
  const level = freshness() === "live" && !machine.off_shift ? abnormal[machine.state] : undefined;
  const order = machine.order != null ? live.line.orders[machine.order]?.id : null;
  return (
    <a class={`machine ${level ? `is-${level}` : ""}`} href={`#/machine/${encodeURIComponent(machine.name)}`}>
      <span class="name">{machine.name}</span>
      <Fresh class="state">{level && <Mark level={level} label="" />} {machine.off_shift ? t("off shift") : machine.state ? t(machine.state) : "–"}</Fresh>
      <span class="quiet">{t("for")} {lasting(Math.max(0, state.line_time_s - machine.state_since_s))}</span>
      <span class="quiet">{machine.down_s > 0 && machine.state === "Held" ? t("repair, {t} left", { t: lasting(machine.down_s) }) : order ? `${t("order")} ${order}` : t("no order")}</span>
      {known.takes.length > 0 && <span class="takes quiet">{known.after.map((from, i) => `${known.takes[i]} × ${live.line.machines[from].name}`).join(" + ")}</span>}
      <span class="badges">
        {alarms.slice(0, badges_shown).map((alarm) => (
          <span key={alarm.id} class={needs_acknowledgement(alarm) ? "badge new" : "badge"}>
            <Mark level={level_of(alarm)} label={t(alarm.class)} /> {t(alarm.id.split("/")[1] ?? alarm.id)}
          </span>
        ))}
        {alarms.length > badges_shown && <span class="badge">{t("{n} more", { n: alarms.length - badges_shown })}</span>}
      </span>
      <span class="sr">{known.signals.length} {t("Signals")}</span>
    </a>
  );
}

function Buffer({ level, places }) {
  const share = places > 0 && level != null ? Math.min(1, level / places) : 0;
  return (
    <div class="buffer" role="img" aria-label={`${t("buffer")}${t(": ")}${t("{n} of {all} places", { n: level ?? "–", all: places })}`}>
      <div class="tube"><div class="fill" style={{ height: `${100 * share}%` }} /></div>
      <Fresh>{level ?? "–"}<span class="quiet">/{places}</span></Fresh>
    </div>
  );
}

function Figure({ name, value, unit, note, below }) {
  return (
    <div class={`figure ${aged()}`}>
      <span class="quiet">{name}</span>
      <Fresh class="big">{below && <><Mark level="low" label={t("below target")} />{" "}</>}{value}<span class="unit"> {unit}</span></Fresh>
      <span class="quiet">{note}</span>
    </div>
  );
}

const when = (forecast) => t("most likely in {a} to {b}", { a: lasting(forecast.q10), b: lasting(forecast.q90) });

/** What is coming, on an axis of hours from now. */
export function TimeLine({ forecasts, line }) {
  const [box, width] = useWidth();
  const em = rem();
  const horizon = line.horizons_s[line.horizons_s.length - 1];
  const narrow = width < 34 * em; // then the words stand above their bar
  const left = narrow ? 0.2 * em : Math.min(width * 0.42, 19 * em);
  const right = width - 1.7 * em;
  const row = (narrow ? 4.3 : 2.9) * em;
  const x = (s) => left + ((right - left) * Math.min(s, horizon)) / horizon;
  const height = 1.8 * em + forecasts.length * row;
  const hours = [0, 1, 2, 3, 4].filter((h) => h * 3600 <= horizon);
  return (
    <div ref={box}>
      <svg class="drawing" width={width} height={height} role="img"
        aria-label={forecasts.map((f) => `${subject(f.id)}${t(": ")}${percent(f.p)}${f.q10 != null && f.q90 != null ? `${t(", ")}${when(f)}` : ""}`).join(t("; "))}>
        {hours.map((h) => (
          <g key={h}>
            <line class="grid" x1={x(h * 3600)} x2={x(h * 3600)} y1={1.4 * em} y2={height} />
            <text class="tick" x={x(h * 3600)} y={1 * em} text-anchor={h === 0 ? "start" : "middle"}>{h === 0 ? t("now") : `+${lasting(h * 3600)}`}</text>
          </g>
        ))}
        {forecasts.map((f, i) => {
          const words = 1.8 * em + i * row;
          const y = words + (narrow ? 2.4 : 0.4) * em;
          const alarmed = f.p >= line.rules.raise_probability;
          const from = f.q10 ?? 0;
          const until = f.q90 ?? horizon;
          return (
            <g key={f.id} class={alarmed ? "alert" : "quietly"}>
              <text class="label" x="0" y={words + 1.1 * em}><title>{subject(f.id)}</title>{fitted(subject(f.id), (narrow ? right : left) - 4.2 * em, 0.92)}</text>
              <text class="label strong" x={narrow ? right : left - 0.6 * em} y={words + 1.1 * em} text-anchor="end">{percent(f.p)}</text>
              {f.q10 != null && f.q90 != null && <text class="tick" x="0" y={words + 2.2 * em}>{when(f)}</text>}
              <rect class="span" x={x(from)} y={y + 0.35 * em} width={Math.max(3, x(until) - x(from))} height={1.1 * em} />
              {f.q50 != null && <line class="middle" x1={x(f.q50)} x2={x(f.q50)} y1={y + 0.15 * em} y2={y + 1.65 * em} />}
              {alarmed && <path class="flag" d={`M${x(from)} ${y + 0.1 * em}h${0.9 * em}l${-0.25 * em} ${0.4 * em}l${0.25 * em} ${0.4 * em}h${-0.9 * em}z`} />}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** Why there is none: what most machines say. */
function no_forecast(forecasts) {
  const why = forecasts.map((f) => f.why_not).filter(Boolean);
  const most = [...new Set(why)].sort((a, b) => why.filter((one) => one === b).length - why.filter((one) => one === a).length)[0];
  return most ? `${t("No forecast")}${t(": ")}${spoken(most)}` : t("No forecast");
}

const stakes = ["downtime", "orders-late", "tardiness"];

/** What would be done about what is coming, what it brings, and how sure that is. */
function Proposed() {
  const { line, state } = live;
  const { number: latest, state: stands } = state.proposal;
  const loaded = useEvery(() => get("/api/plan"), 0, [latest, stands]);
  if (stands === "planning")
    return (
      <Panel title={t("What is proposed")} note={t("planning")} class="wide">
        <p><Simulating {...state.planning} /></p>
      </Panel>
    );
  const plan = loaded?.plan;
  if (!["proposed", "refused", "deploying"].includes(stands) || plan?.proposal !== latest) return null;
  const { proof } = plan;
  const new_services = plan.after.services.filter((s) => !plan.before.services.some((old) => service_said(old) === service_said(s)));
  return (
    <Panel title={t("What is proposed")} note={`${t("Proposal {n}", { n: latest })} · ${t(stands)} · ${t("as of {t}", { t: clock(plan.at_s) })}`} class="wide proposed">
      <p class="lead"><Mark level={stands === "refused" ? "low" : "forecast"} label="" /> <b>{spoken(plan.why)}</b>{new_services.length > 0 && <span class="quiet"> ({new_services.map(service_said).join(t("; "))})</span>}</p>
      <p class="row">
        {plan.because && <span><span class="quiet">{t("because of")}</span> {cause_of(plan)}</span>}
        {stakes.filter((name) => paired(proof, name)).map((name) => <span key={name}><span class="quiet">{measure_name(name)}</span> <Interval value={paired(proof, name)} unit={unit_in(name, proof.keep[name].unit)} signed /></span>)}
        <span>{t("better in {p} of {n} futures", { p: percent(proof.probability_better), n: proof.seeds.length })}</span>
      </p>
      <p class="row">
        {stands === "proposed" && <span>{t("waits for a person: {t} left", { t: lasting(Math.max(0, plan.at_s + line.rules.expires_s - state.line_time_s)) })}</span>}
        {stands === "refused" && <span>{reason_of(plan)}</span>}
        <a href="#/plan">{t("Compare and decide")} →</a>
      </p>
    </Panel>
  );
}


export function Overview() {
  const { line, state } = live;
  const forecasts = forecasts_of(line, state, worth_a_look).slice(0, 6);
  const pace = state.machines[state.constraint];
  const oee = pace?.oee ?? {};
  const { targets } = line;
  const ideal = number(line.ideal_parts_h, 0);
  const alarms = foremost(state.alarms);
  const horizon = lasting(line.rules.horizon_s);
  return (
    <div class="overview">
      <Panel title={t("The line")} note={line.name} class="strip">
        <Flow machines={line.machines}
          machine={(m) => <MachineCard machine={state.machines[m]} known={line.machines[m]} state={state} />}
          buffer={(m) => <Buffer level={state.buffers?.[m]} places={line.machines[m].buffer_after} />} />
      </Panel>
      <section class="figures" aria-label={t("Performance")}>
        <Figure name={t("Throughput")} value={number(state.throughput_parts_h, 0)} unit={t("parts/h")} below={targets.parts_h && state.throughput_parts_h < targets.parts_h}
          note={targets.parts_h ? t("target {n}, ideal {m}", { n: number(targets.parts_h, 0), m: ideal }) : t("ideal {n}", { n: ideal })} />
        <Figure name={t("OEE")} value={percent(oee.oee)} below={targets.oee && oee.oee != null && oee.oee < targets.oee}
          note={[targets.oee && t("target {p}", { p: percent(targets.oee) }), pace && t("at {machine}, which sets the pace", { machine: pace.name })].filter(Boolean).join(t("; "))} />
        <Figure name={t("Availability")} value={percent(oee.a)} />
        <Figure name={t("Performance")} value={percent(oee.p)} />
        <Figure name={t("Quality")} value={percent(oee.q)} />
        <Figure name={t("Work in progress")} value={state.wip ?? "–"} unit={t("parts")} />
        <Figure name={t("Good parts")} value={state.good_parts != null ? number(state.good_parts, 0) : "–"} />
      </section>
      <Proposed />
      <Panel title={t("What is coming")} note={t("P(fault within {h})", { h: horizon })} class="coming">
        {forecasts.length > 0 ? <TimeLine forecasts={forecasts} line={line} />
          : <p class="calm">{state.forecasts.some((f) => f.available) ? t("Nothing is forecast above {p} within {h}.", { p: percent(worth_a_look), h: horizon }) : no_forecast(state.forecasts)}</p>}
      </Panel>
      <Panel kept title={t("Standing alarms")} class="standing">
        {freshness() === "plc" && <Age />}
        {alarms.length === 0 && <p class="calm">{t("No alarm stands.")}</p>}
        <ul class="alarms">
          {alarms.slice(0, alarms_shown).map((alarm) => (
            <li key={alarm.id} class={`${needs_acknowledgement(alarm) ? "new" : ""} ${aged_alarm(alarm)}`}>
              <Mark level={level_of(alarm)} label={t(alarm.class)} />
              <span><b>{subject(alarm.id)}</b> <span class="quiet">{t(alarm.state)} · <Moment s={alarm.since_s} seconds={false} /></span>{told_why(alarm) && <><br /><span class="quiet">{spoken(told_why(alarm))}</span></>}</span>
              <Acknowledge alarm={alarm} />
            </li>
          ))}
        </ul>
        {alarms.length > alarms_shown && <p><a href="#/alarms">{t("{n} more", { n: alarms.length - alarms_shown })} →</a></p>}
      </Panel>
      <Panel title={t("Orders")} class="orders">
        <OrderList />
      </Panel>
      <Panel kept title={t("What happened")} class="notes">
        <Notes notes={live.notes.slice(-8).reverse()} />
      </Panel>
    </div>
  );
}

function OrderList() {
  const { line, state } = live;
  if (!state.orders || line.orders.length === 0) return <p class="calm">–</p>;
  const sequence = state.schedule?.sequence ?? line.orders.map((order) => order.id);
  const all = sequence.map((id) => line.orders.findIndex((order) => order.id === id)).filter((i) => i >= 0);
  // From the last that is finished on, of many.
  const from = Math.max(0, Math.min(all.findIndex((i) => !state.orders[i].over) - 1, all.length - orders_shown));
  const rows = all.slice(from, from + orders_shown);
  return (
    <><table class="tight">
      <thead><tr><th scope="col">{t("Order")}</th><th scope="col" class="n">{t("due")}</th><th scope="col">{t("State")}</th></tr></thead>
      <tbody>
        {rows.map((i) => {
          const order = line.orders[i];
          const { begun, good, of, over } = state.orders[i];
          const late = order.due_s != null && !over && state.line_time_s > order.due_s;
          return (
            <tr key={order.id}>
              <td><b>{order.id}</b> <span class="quiet">{order.product}</span></td>
              <td class="n">{late && <Mark level="medium" label={t("late")} />} <Moment s={order.due_s} seconds={false} /></td>
              <td>
                <meter min="0" max={of} value={good} aria-label={`${order.id}: ${good} / ${of}`} />{" "}
                <span class="quiet">{over ? t("finished") : begun ? t("{n} of {all} finished", { n: good, all: of }) : t("waiting")}</span>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
    {all.length > rows.length && <p><a href="#/plan">{t("{n} more", { n: all.length - rows.length })} →</a></p>}</>
  );
}
