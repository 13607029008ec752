// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from "preact/hooks";
import { clock, lasting, number, percent, says, subject } from "./format.js";
import { Compared, Interval, paired } from "./compared.jsx";
import { Charts } from "./gantt.jsx";
import { get, live, may, post } from "./live.js";
import { Dialog, Mark, Panel, Scroll, Simulating, Trouble, WhyField, useAct, useEvery } from "./parts.jsx";
import { Promises, Running } from "./running.jsx";
import { WhatIf } from "./whatif.jsx";
import { late_orders } from "./late.js";
import { meaning } from "./registers.js";
import { finding, reason_of, spoken } from "./said.js";
import { is_chinese, t } from "./text.js";

/** What has asked for the plan: an alarm's name, or words. */
export const cause_of = (plan) => (!is_chinese() && plan.because.includes("/") ? subject(plan.because) : spoken(plan.because));

function Gate({ checks }) {
  return (
    <table class="gate">
      <thead><tr><th scope="col">{t("Result")}</th><th scope="col">{t("Check")}</th><th scope="col">{t("Found")}</th></tr></thead>
      <tbody>{checks.map((check) => (
        <tr key={check.name}>
          <td class="nowrap">{check.passed ? <span><span aria-hidden="true">✓ </span>{t("passed")}</span> : <b><Mark level="medium" label="" /> {t("refused")}</b>}</td>
          <td class="nowrap">{t(check.name)}</td><td>{check.form ? finding(check) : check.text}</td>
        </tr>
      ))}</tbody>
    </table>
  );
}

function Sequence({ now, other }) {
  return (
    <ol class="sequence">
      {now.sequence.map((order, i) => <li key={order} class={other.sequence[i] !== order ? "moved" : ""}>{order}{other.sequence[i] !== order && <span class="sr"> ({t("moved")})</span>}</li>)}
    </ol>
  );
}

export const service_said = (s) => `${s.machine}${t(", ")}${s.before_order ? t("before {order}", { order: s.before_order }) : t("at {t}", { t: clock(s.at_s) })}`;

function Services({ list }) {
  if (!list?.length) return <p class="calm">–</p>;
  return <ul>{list.map((s, i) => <li key={i}>{service_said(s)}</li>)}</ul>;
}

function BeforeAndAfter({ before, after }) {
  return (
    <div class="columns even">
      <div><h4>{t("Old sequence")}</h4><Sequence now={before} other={after} /><h4>{t("Old services")}</h4><Services list={before.services} /></div>
      <div><h4>{t("New sequence")}</h4><Sequence now={after} other={before} /><h4>{t("New services")}</h4><Services list={after.services} /></div>
    </div>
  );
}

function Word({ list, register, column }) {
  const says = meaning(list, register, column, live.line);
  return <>{register[column]}{says && <span class="quiet"> {register.what === "kind of service" ? t(says) : says}</span>}</>;
}

/** Registers that are written: what each holds, what is in force, what it is to hold, and its limits; after the deployment what
    was read back. Those that nothing changes are folded away. */
function Registers({ list, read }) {
  const changes = (one) => (read ? one.word !== 0 || one.active !== 0 : one.active !== one.word);
  const table = (rows) => (
    <Scroll label={t("Registers")}><table class="cards tight registers">
      <thead><tr><th scope="col">{t("Holding register")}</th><th scope="col">{t("What")}</th>{read
        ? <><th scope="col" class="n">{t("written")}</th><th scope="col" class="n">{t("in force, read back")}</th><th scope="col">{t("Result")}</th></>
        : <><th scope="col" class="n">{t("holds now")}</th><th scope="col" class="n">{t("in force")}</th><th scope="col" class="n">{t("new")}</th><th scope="col" class="n">{t("limits")}</th><th scope="col">{t("by whom")}</th></>}</tr></thead>
      <tbody>{rows.map((one) => (
        <tr key={one.address}><th scope="row">{one.address}</th><td data-name={t("What")}>{t(one.what)} {one.what !== "not used" && one.number > 0 ? one.number : ""}</td>{read
          ? <>
            <td class="n" data-name={t("written")}><Word list={list} register={one} column="word" /></td>
            <td class="n" data-name={t("in force, read back")}><Word list={list} register={one} column="active" /> <span class="quiet">({one.active_address})</span></td>
            <td data-name={t("Result")}>{one.active === one.word ? <><span aria-hidden="true">✓ </span>{t("equal")}</> : <b><Mark level="high" label="" /> {t("differs")}</b>}</td>
          </> : <>
            <td class="n" data-name={t("holds now")}><Word list={list} register={one} column="held" /></td>
            <td class="n" data-name={t("in force")}><Word list={list} register={one} column="active" /> <span class="quiet">({one.active_address})</span></td>
            <td class="n" data-name={t("new")}><b><Word list={list} register={one} column="word" /></b></td>
            <td class="n" data-name={t("limits")}>{one.low === one.high ? one.low : `${one.low} – ${one.high}`}{(one.word < one.low || one.word > one.high) && <> <Mark level="high" label={t("outside")} /></>}</td>
            <td data-name={t("by whom")}>{t(one.by)}</td>
          </>}</tr>
      ))}</tbody>
    </table></Scroll>
  );
  const other = list.filter((one) => !changes(one));
  return (
    <>
      {table(list.filter(changes))}
      {other.length > 0 && <details><summary>{t(read ? "{n} registers that are not used" : "{n} registers that stay as they are", { n: other.length })}</summary>{table(other)}</details>}
    </>
  );
}

/** What the PLC held after a deployment, or after its roll-back. */
function ReadBack({ at_s, back, registers }) {
  return <Panel kept title={t("Read back from the PLC")} note={`${back ? `${t("rolled-back")} · ` : ""}${clock(at_s)}`} class="read-back"><Registers list={registers} read /></Panel>;
}

/** What the second step writes, as the PLC stands now, and what it reads back then. */
function Staging({ staging }) {
  return (
    <>
      <h4>{t("Registers that will be written")} <span class="quiet">{t("read from the PLC at {t}; words without unit unless said", { t: clock(staging.at_s) })}</span></h4>
      <Registers list={staging.registers} />
      <h4>{t("What will be read back")}</h4>
      <ul class="tight">{staging.back.map((one) => <li key={one.address}>{one.words > 1 ? t("holding {a} to {b}: must be {what}", { a: one.address, b: one.address + one.words - 1, what: t(one.what) }) : t("holding {a}: must be {what}", { a: one.address, what: t(one.what) })}</li>)}</ul>
    </>
  );
}

/** The former schedule again: first what that changes, then the act itself. */
function RollBack({ onDone }) {
  const [ticket, setTicket] = useState(null);
  const { busy, error, act } = useAct();
  const begin = () => act(async () => setTicket(await post("/api/roll-back/prepare", {})));
  const finish = async (event) => {
    event.preventDefault();
    const reason = new FormData(event.target).get("reason");
    if (await act(() => post("/api/roll-back/confirm", { ticket: ticket.ticket, reason }))) onDone();
  };
  return (
    <Dialog wide title={t("Roll back")} onClose={onDone}>
      <h3>{t("First step: compare")}</h3>
      <p>{t("Orders that have started stay where they are; the rest runs as before the deployment. After that nothing is deployed until a person clears it.")}</p>
      {ticket && <BeforeAndAfter before={ticket.before} after={ticket.after} />}
      {ticket && <Staging staging={ticket.staging} />}
      {!ticket && <footer><Trouble text={error} /><button type="button" disabled={busy} onClick={begin}>{t("Show what changes")} →</button></footer>}
      {ticket && (
        <form onSubmit={finish}>
          <h3>{t("Second step: write to the PLC")}</h3>
          <p>{t("This writes to the PLC at {plc} and reads it back.", { plc: live.line.plc })} <span class="quiet">{t("The first step is good for {s} s.", { s: ticket.expires_in_s })}</span></p>
          <WhyField label={t("Why is it rolled back?")} act="roll-back" focus />
          <Trouble text={error} />
          <footer><button disabled={busy} class="act">{t("Roll back")}</button></footer>
        </form>
      )}
    </Dialog>
  );
}

function Deployed({ deployment }) {
  const [backing, setBacking] = useState(false);
  const { busy, error, act } = useAct();
  const clear = (event) => {
    event.preventDefault();
    act(() => post("/api/lock-out/clear", { reason: new FormData(event.target).get("reason") }));
  };
  const stands = deployment.proposal != null;
  return (
    <Panel title={t("Deployed schedule")} note={stands ? t("Proposal {n}", { n: deployment.proposal }) : ""}>
      {stands && (
        <>
          <p><b>{spoken(deployment.name)}</b> · {clock(deployment.from_s)}</p>
          <dl class="inline">
            <dt>{t("promised gain")}</dt><dd>{number(deployment.gain_mean)}{t(", ")}{t("at least {n} (95 % sure)", { n: number(deployment.gain_lower) })}</dd>
            {deployment.realised != null && <><dt>{t("realised gain")}</dt><dd>{number(deployment.realised)}</dd></>}
            {deployment.window && <><dt>{t("last window")}</dt><dd>{spoken(deployment.window)}</dd></>}
          </dl>
          {may("decide") && <p class="row"><button type="button" onClick={() => setBacking(true)}>{t("Roll back")}…</button></p>}
        </>
      )}
      {deployment.locked_out && (
        <form onSubmit={clear}>
          <p><Mark level="medium" label="" /> <b>{t("A schedule was rolled back: nothing is deployed until a person clears this.")}</b></p>
          {may("decide") && <p class="row"><WhyField label={t("Why may schedules be deployed again?")} act="clear" /> <button disabled={busy}>{t("Clear")}</button></p>}
        </form>
      )}
      <Trouble text={error} />
      <p class="quiet">{t("{broken} of {judged} deployments gained less than was promised.", deployment)}</p>
      {backing && <RollBack onDone={() => setBacking(false)} />}
    </Panel>
  );
}

/** First what changes, then, with a reason and within two minutes, the act itself. */
function Decide({ plan, approve, onDone }) {
  const [ticket, setTicket] = useState(null);
  const [seen, setSeen] = useState(null); // at the first step
  const { busy, error, act } = useAct();
  const proposal = plan.proposal;
  const prepare = () => post("/api/decision/prepare", { proposal, approve });
  const look = () => act(async () => setSeen(await prepare()));
  useEffect(() => {
    if (approve) look();
  }, []);
  const begin = () => act(async () => setTicket(await prepare()));
  const staging = (ticket ?? seen)?.staging;
  const finish = async (event) => {
    event.preventDefault();
    const reason = new FormData(event.target).get("reason");
    if (await act(() => post("/api/decision/confirm", { ticket: ticket.ticket, reason }))) onDone();
  };
  return (
    <Dialog wide title={`${approve ? t("Approve") : t("Reject")} · ${t("Proposal {n}", { n: proposal })}`} onClose={onDone}>
      <h3>{t("First step: compare")}</h3>
      <p>{reason_of(plan)}</p>
      <BeforeAndAfter before={plan.before} after={plan.after} />
      <details><summary>{t("The gate")}{t(": ")}{plan.passed ? t("all {n} checks passed", { n: plan.checks.length }) : t("refused")}</summary><Gate checks={plan.checks} /></details>
      {staging && <Staging staging={staging} />}
      {!ticket && <footer><Trouble text={error} />{approve && !seen ? <button type="button" disabled={busy} onClick={look}>{t("Read again")}</button> : <button type="button" disabled={busy} onClick={begin}>{approve ? t("Second step: write to the PLC") : t("Second step: reject")} →</button>}</footer>}
      {ticket && (
        <form onSubmit={finish}>
          <h3>{approve ? t("Second step: write to the PLC") : t("Second step: reject")}</h3>
          {approve && <p>{t("This writes to the PLC at {plc} and reads it back.", { plc: live.line.plc })} <span class="quiet">{t("The first step is good for {s} s.", { s: ticket.expires_in_s })}</span></p>}
          <WhyField label={approve ? t("Why do you approve?") : t("Why do you reject?")} act={approve ? "approve" : "reject"} focus />
          <Trouble text={error} />
          <footer><button disabled={busy} class="act">{approve ? t("Approve") : t("Reject")}</button></footer>
        </form>
      )}
    </Dialog>
  );
}

/** What late orders lost their time to, in the future of each schedule that is drawn above. */
function Lateness({ plan, line }) {
  const rows = [["Before", plan.gantt.keep], ["After", plan.gantt.winner]].map(([name, bars]) => [name, late_orders(bars, line.orders, plan.at_s)]);
  const said = (cause) => {
    const time = lasting(cause.s);
    if (cause.what === "behind") return t("{t} behind {orders}", { t: time, orders: cause.orders.join(t(", ")) });
    if (cause.what === "released too late") return t("released too late");
    return `${time} ${t(cause.what)}${cause.machine ? ` (${cause.machine})` : ""}`;
  };
  return (
    <Panel title={t("Why orders are late")} note={t("one future of each")} class="lateness">
      {rows.every(([, late]) => late.length === 0) ? <p class="calm">{t("No order is late in either.")}</p> : (
        <Scroll label={t("Why orders are late")}><table class="tight">
          <thead><tr><th scope="col"><span class="sr">{t("Schedule")}</span></th><th scope="col">{t("Order")}</th><th scope="col" class="n">{t("late by")}</th><th scope="col">{t("because of")}</th></tr></thead>
          <tbody>{rows.flatMap(([name, late]) => (late.length === 0 ? [<tr key={name}><th scope="row">{t(name)}</th><td colSpan="3" class="quiet">{t("No order is late.")}</td></tr>]
            : late.map((row, i) => <tr key={`${name} ${row.order}`}><th scope="row">{i === 0 && t(name)}</th><td class="nowrap"><b>{row.order}</b></td><td class="n">{lasting(row.late_s)}</td><td>{row.causes.map(said).join(t("; ")) || t("its own work")}</td></tr>)))}</tbody>
        </table></Scroll>
      )}
    </Panel>
  );
}

function Proposal({ plan, closed, read_back }) {
  const { line, state } = live;
  const [deciding, setDeciding] = useState(null);
  const outcome = state.proposal.number === plan.proposal ? state.proposal.state : plan.outcome;
  const overrules = outcome === "refused" && plan.can_be_overruled;
  const waits = outcome === "proposed" || overrules;
  const signed = state.proposal.number === plan.proposal ? state.proposal.signed_by : null;
  const left = plan.at_s + line.rules.expires_s - state.line_time_s;
  const proof = plan.proof;
  const better = proof.probability_better;
  // Why it is refused comes first; that all has passed is read when the rest is.
  const gate = <Panel title={t("The gate")} note={plan.passed ? t("passed") : t("refused")}><Gate checks={plan.checks} /></Panel>;
  return (
    <>
      <Panel title={t("Proposal {n}", { n: plan.proposal })} note={`${t(outcome)} · ${clock(plan.at_s)}`}>
        <p class="lead">{waits && <Mark level="forecast" label="" />} <b>{spoken(plan.winner)}</b> — {spoken(plan.why)}</p>
        <p>{reason_of(plan)}</p>
        <dl class="inline">
          {plan.because && <><dt>{t("because of")}</dt><dd>{cause_of(plan)}</dd></>}
          <dt>{t("mean gain")} <span class="quiet">({t("Cost").toLowerCase()})</span></dt><dd><Interval value={proof.mean_gain} signed /></dd>
          {!plan.passed && <><dt /><dd>{t("better in {p} of {n} futures", { p: percent(better), n: proof.seeds.length })}</dd></>}
        </dl>
        {overrules && <p>{signed ? t("{who} wants it against the gate; a second person must agree.", { who: signed }) : t("Two people may deploy it against the gate.")}</p>}
        {waits && (
          <p class="row">
            <span>{t("waits for a person: {t} left", { t: lasting(Math.max(0, left)) })}</span>
            {may("decide") ? (
              <><button type="button" class="act" onClick={() => setDeciding("approve")}>{t("Approve")}…</button> <button type="button" onClick={() => setDeciding("reject")}>{t("Reject")}…</button></>
            ) : <span class="quiet">{t("Only an approver decides.")}</span>}
          </p>
        )}
        {deciding && <Decide plan={plan} approve={deciding === "approve"} onDone={() => setDeciding(null)} />}
      </Panel>
      {read_back?.proposal === plan.proposal && !read_back.back && <ReadBack {...read_back} />}
      {!plan.passed && gate}
      <Panel title={t("Compared on the same futures")} note={`${t("mean and 95 % interval")} · ${proof.seeds.length}`}>
        <Compared first={t("running schedule")} second={t("this proposal")}
          rows={Object.entries(proof.keep).map(([name, value]) => ({ name, unit: value.unit, first: value, second: proof.winner[name], difference: paired(proof, name) }))} />
      </Panel>
      <Panel title={t("Before and after")} note={t("bars: one future of each; P10 to P90 of {n}", { n: proof.seeds.length })}>
        <Charts label={t("Before and after")} line={line} now_s={plan.at_s} closed={closed} charts={[
          { name: `${t("Before")}${t(": ")}${t("running schedule")}`, bars: plan.gantt.keep, spans: plan.spans?.keep },
          { name: `${t("After")}${t(": ")}${spoken(plan.winner)}`, bars: plan.gantt.winner, spans: plan.spans?.winner },
        ]} />
        {plan.orders && <Promises first={t("running schedule")} second={t("this proposal")} orders={{ first: plan.orders.keep, second: plan.orders.winner }} at_s={plan.at_s} until_s={plan.until_s} />}
      </Panel>
      <Lateness plan={plan} line={line} />
      {plan.passed && gate}
      <Panel title={t("Schedules that were weighed")} note={`${plan.candidates.length}`}>
        <Scroll label={t("Schedules that were weighed")}><table class="cards">
          <thead><tr><th scope="col">{t("Schedule")}</th><th scope="col" class="n">{t("Cost")}{plan.currency && ` (${plan.currency})`}</th><th scope="col" class="n">{t("orders late")}</th><th scope="col" class="n">{t("downtime")}</th><th scope="col">{t("Why")}</th></tr></thead>
          <tbody>{plan.candidates.map((candidate) => (
            <tr key={candidate.name} class={candidate.name === plan.winner ? "best" : ""}>
              <th scope="row">{spoken(candidate.name)}</th><td class="n" data-name={t("Cost")}><Interval value={candidate.cost} /></td>
              <td class="n" data-name={t("orders late")}>{number(candidate.measures["orders-late"]?.mean, 2)}</td><td class="n" data-name={t("downtime")}>{lasting(candidate.measures.downtime?.mean)}</td><td class="quiet">{spoken(candidate.why)}</td>
            </tr>
          ))}</tbody>
        </table></Scroll>
      </Panel>
    </>
  );
}

export function Plan() {
  const { state } = live;
  const loaded = useEvery(() => get("/api/plan"), 0, [state.proposal.number, state.proposal.state, state.last_note]);
  const { busy, error, act } = useAct();
  const planning = state.proposal.state === "planning";
  const running = <Running key="running" />;
  const proposal = loaded?.plan ? <Proposal key="proposal" {...loaded} /> : <Panel key="proposal" title={t("No plan yet")}><p class="calm">{t("A plan is made when a forecast alarm is raised, or when you ask for one.")}</p></Panel>;
  return (
    <div class="page">
      <div class="toolbar">
        {may("plan") && <button type="button" disabled={busy || planning || state.proposal.state === "proposed"} onClick={() => act(() => post("/api/plan", {}))}>{t("Ask for a plan")}</button>}
        {planning && <Simulating {...state.planning} />}
        <Trouble text={error} />
      </div>
      {state.deployment && (state.deployment.deployments > 0 || state.deployment.locked_out) && <Deployed deployment={state.deployment} />}
      {loaded?.read_back?.back && <ReadBack {...loaded.read_back} />}
      {state.proposal.state === "proposed" ? [proposal, running] : [running, proposal]}
      <WhatIf />
      {loaded?.plans?.length > 0 && (
        <Panel kept title={t("Earlier plans")}>
          <Scroll label={t("Earlier plans")}><table class="cards">
            <thead><tr><th scope="col">{t("Number")}</th><th scope="col">{t("Time")}</th><th scope="col">{t("Schedule")}</th><th scope="col">{t("Result")}</th><th scope="col">{t("Reason")}</th></tr></thead>
            <tbody>{[...loaded.plans].reverse().map((plan) => <tr key={plan.proposal}><th scope="row">{plan.proposal}</th><td data-name={t("Time")}>{clock(plan.at_s)}</td><td>{spoken(plan.winner)}</td><td>{t(plan.outcome)}</td><td>{reason_of(plan)}</td></tr>)}</tbody>
          </table></Scroll>
        </Panel>
      )}
    </div>
  );
}
