// SPDX-License-Identifier: Apache-2.0
// What was measured, how good the forecasts are, and whether either drifts.
import { clock, line_clock, lasting, number, percent, wall } from "./format.js";
import { get } from "./live.js";
import { Mark, Panel, Scroll, Trouble, rem, useEvery, useWidth } from "./parts.jsx";
import { t } from "./text.js";

const drifted = 3; // standard deviations of the noise, as the normal band
const hours_looked_at = 6;

const judged_every_s = 60; // on judged days every machine is looked at once a minute

const sum = (values) => values.reduce((all, value) => all + value, 0);

/** Tenths of the probability that hold something: what was said, what came, of how many. */
const tenths = (bins) => bins.map(([n, said, came]) => ({ n, said: said / n, came: came / n })).filter(({ n }) => n > 0);

/** Wilson's 95 % interval of what came, of so many forecasts that share nothing: neighbouring ones end in the same fault. */
function interval({ n, came }, horizon_s, every_s) {
  const free = Math.max(1, (n * every_s) / horizon_s);
  const z2 = 1.96 ** 2;
  const middle = (came + z2 / (2 * free)) / (1 + z2 / free);
  const half = (1.96 / (1 + z2 / free)) * Math.sqrt((came * (1 - came)) / free + z2 / (4 * free * free));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Mean distance of what was said from what came, over all forecasts. */
const calibration_error = (points) => sum(points.map(({ n, said, came }) => n * Math.abs(said - came))) / sum(points.map(({ n }) => n));

/** Said against came: on the diagonal when forecasts come true as often as they say. Areas and numbers: of how many. */
function Reliability({ series }) {
  const [box, width] = useWidth();
  const em = rem();
  const left = 4.8 * em;
  const side = Math.min(width - left - em, 19 * em);
  const top = 0.8 * em;
  const x = (p) => left + p * side;
  const y = (p) => top + (1 - p) * side;
  const label = t("Calibration");
  return (
    <div ref={box}>
      <svg class="drawing" width={width} height={side + 3.6 * em} role="img" aria-label={label}>
        {[0, 0.2, 0.4, 0.6, 0.8, 1].map((p) => (
          <g key={p}>
            <path class="grid" d={`M${x(p)} ${y(0)}V${y(1)}M${x(0)} ${y(p)}H${x(1)}`} />
            <text class="tick" x={x(p)} y={y(0) + 1.1 * em} text-anchor="middle">{percent(p)}</text>
            <text class="tick" x={left - 0.4 * em} y={y(p) + 0.3 * em} text-anchor="end">{percent(p)}</text>
          </g>
        ))}
        <path class="diagonal" d={`M${x(0)} ${y(0)}L${x(1)} ${y(1)}`} />
        <text class="tick" x={x(0.5)} y={y(0) + 2.4 * em} text-anchor="middle">{t("forecast probability")}</text>
        <text class="tick" transform={`translate(${0.9 * em} ${y(0.5)}) rotate(-90)`} text-anchor="middle">{t("share that failed")}</text>
        {series.map(({ name, kind, points }) => {
          const most = Math.log10(1 + Math.max(...points.map((p) => p.n)));
          return (
            <g key={name} class={`reliability ${kind}`}>
              <path class="through" d={points.map((p, i) => `${i === 0 ? "M" : "L"}${x(p.said)} ${y(p.came)}`).join("")} />
              {points.map((p) => <path key={p.said} class="sure" d={`M${x(p.said)} ${y(p.sure[0])}V${y(p.sure[1])}`} />)}
              {points.map((p) => {
                const r = (0.2 + (0.35 * Math.log10(1 + p.n)) / most) * em;
                return <rect key={p.said} x={x(p.said) - r} y={y(p.came) - r} width={2 * r} height={2 * r} rx={kind === "here" ? 0 : r}><title>{`${percent(p.said)} → ${percent(p.came)} (${p.n})`}</title></rect>;
              })}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function Calibration({ data }) {
  const { horizon_s, every_s } = data.calibration;
  const sure = (every) => (point) => ({ ...point, sure: interval(point, horizon_s, every) });
  const here = tenths(data.calibration.here.bins).map(sure(every_s));
  const before = (data.evaluation?.reliability ?? []).filter(([, , n]) => n > 0).map(([said, came, n]) => ({ n, said, came })).map(sure(judged_every_s));
  const series = [{ name: t("on judged days"), kind: "before", points: before }, { name: t("on this plant"), kind: "here", points: here }].filter(({ points }) => points.length > 0);
  const failures = sum(data.calibration.here.bins.map(([, , came]) => came));
  return (
    <Panel title={t("Calibration")} note={t("P(fault within {h})", { h: lasting(data.calibration.horizon_s) })}>
      {series.length === 0 ? <p class="calm">{t("No data yet")}</p> : <Reliability series={series} />}
      <table class="tight">
        <thead><tr><th scope="col">{t("Measured")}</th><th scope="col" class="n">{t("Forecasts")}</th><th scope="col" class="n">{t("came")}</th><th scope="col" class="n">{t("calibration error")}</th></tr></thead>
        <tbody>
          <tr><th scope="row"><i class="dot before" /> {t("on judged days")}</th>{before.length > 0
            ? <><td class="n">{number(sum(before.map((p) => p.n)), 0)}</td><td class="n">{number(sum(before.map((p) => p.n * p.came)), 0)}</td><td class="n">{number(calibration_error(before), 3)}</td></>
            : <td colSpan="3" class="quiet">{t("No data yet")}{t(": ")}{t("the model has no evaluation beside it")}</td>}</tr>
          <tr><th scope="row"><i class="dot here" /> {t("on this plant")}</th>{here.length > 0
            ? <><td class="n">{number(sum(here.map((p) => p.n)), 0)}</td><td class="n">{number(failures, 0)}</td><td class="n">{number(calibration_error(here), 3)}</td></>
            : <td colSpan="3" class="quiet">{t("No data yet")}{t(": ")}{t("no forecast is old enough to be judged")}</td>}</tr>
        </tbody>
      </table>
      <p class="quiet">{t("Bars: 95 % intervals (Wilson) of what came, with only as many forecasts as do not overlap in time.")}</p>
      {series.map(({ name, points }) => (
        <details key={name}><summary>{t("Figures")}{t(": ")}{name}</summary>
          <table class="tight">
            <thead><tr><th scope="col" class="n">{t("said")}</th><th scope="col" class="n">{t("came")}</th><th scope="col" class="n">{t("95 % interval")}</th><th scope="col" class="n">{t("Forecasts")}</th></tr></thead>
            <tbody>{points.map((p) => <tr key={p.said}><th scope="row" class="n">{number(100 * p.said, 1)} %</th><td class="n">{number(100 * p.came, 1)} %</td><td class="n">{p.sure.map((end) => number(100 * end, 1)).join(" … ")} %</td><td class="n">{number(p.n, 0)}</td></tr>)}</tbody>
          </table></details>
      ))}
      <p class="quiet">{t("The gate believes forecasts whose calibration error is at most {e}; this plant's own record counts from {n} faults on.", { e: number(data.believed.largest_calibration_error, 2), n: data.believed.least_failures })}</p>
    </Panel>
  );
}

/** Who wins: every method at the same false alarms, on days that none had seen. */
function Winners({ evaluation }) {
  const methods = evaluation?.methods ?? [];
  if (methods.length === 0)
    return <Panel kept title={t("Who wins")}><p class="calm">{t("No data yet")}{t(": ")}{t("the model has no evaluation beside it")} (evaluation.json, <code>foreline train</code>)</p></Panel>;
  const [model] = methods;
  const best = (value) => Math.max(...methods.map(value));
  const more = evaluation.recall_more_than ?? {};
  const skill = evaluation.brier_of_base_rates > 0 ? 1 - evaluation.brier / evaluation.brier_of_base_rates : null;
  const row = (name, value, shown, wins) => (
    <tr key={name}><th scope="row">{name}</th>
      {methods.map((m) => <td key={m.method} class={`n ${wins && value(m) > 0 && value(m) === best(value) ? "winner" : ""}`}>{shown(m)}</td>)}
    </tr>
  );
  return (
    <Panel kept title={t("Who wins")} note={t("{n} simulated days that no method had seen", { n: evaluation.days })}>
      <Scroll label={t("Who wins")}><table class="tight rivals">
        <thead><tr><th scope="col">{t("Warned in time")}</th>{methods.map((m) => <th key={m.method} scope="col" class="n">{t(m.method)}</th>)}</tr></thead>
        <tbody>
          {Object.entries(model.warned).map(([kind, [, faults]]) => row(`${t(kind)} (${faults})`, (m) => m.warned[kind][0], (m) => m.warned[kind][0], true))}
          {row(t("all faults"), (m) => m.recall, (m) => `${number(100 * m.recall, 1)} %`, true)}
          {row(t("Points more than {method} (95 %)", { method: t(model.method) }), () => 0, (m) => {
            const [low, middle, high] = more[m.method] ?? [];
            return middle == null ? "–" : [number(-100 * middle, 1), <br />, `${number(-100 * high, 1)} … ${number(-100 * low, 1)}`];
          })}
          {row(t("false alarms a machine-week"), () => 0, (m) => number(7 * m.false_alarms_a_machine_day, 2))}
          {row(t("median lead"), () => 0, (m) => (m.median_lead_s == null ? "–" : lasting(m.median_lead_s)))}
          {row(t("Brier score, any within {h}", { h: lasting(evaluation.horizon_s) }), () => 0, (m) => (m.brier_of_any == null ? "–" : number(m.brier_of_any, 4)))}
        </tbody>
      </table></Scroll>
      {skill != null && <p class="quiet">{t("Brier score {b}; of base rates {c}: skill {s}.", { b: number(evaluation.brier, 5), c: number(evaluation.brier_of_base_rates, 5), s: number(skill, 2) })}</p>}
    </Panel>
  );
}

/** A small curve around zero; the band is what is usual. */
function Spark({ values, band, label }) {
  const known = values.filter((value) => value != null);
  if (known.length === 0) return <span class="quiet">{t("No data yet")}</span>;
  const most = Math.max(1.2 * band, ...known.map(Math.abs));
  const x = (i) => (values.length === 1 ? 60 : 2 + (116 * i) / (values.length - 1));
  const y = (value) => 14 - (12 * value) / most;
  let pen = "M";
  const path = values.map((value, i) => {
    if (value == null) return (pen = "M"), "";
    const step = `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
    return step;
  }).join("");
  return (
    <svg class="spark" viewBox="0 0 120 28" role="img" aria-label={label}>
      <rect x="0" width="120" y={y(band)} height={y(-band) - y(band)} /><path class="zero" d="M0 14H120" /><path class="curve" d={path} />
      {values.length === 1 && <circle cx="60" cy={y(values[0])} r="2" />}
    </svg>
  );
}

/** How far the last hours are from those before, whether that is more than three times what those spread, and since when. */
export function drift(shift, at_s) {
  const known = shift.map((value, i) => ({ value, at_s: at_s?.[i] })).filter(({ value }) => value != null);
  const values = known.map(({ value }) => value);
  const before = values.slice(0, -hours_looked_at);
  if (before.length < hours_looked_at) return { now: values.length > 0 ? middle(values) : null, drifts: false };
  const usual = middle(before);
  const spread = Math.max(1, middle(before.map((value) => Math.abs(value - usual))) / 0.6745);
  const now = middle(values.slice(-hours_looked_at));
  const apart = (value) => Math.abs(value - usual) > drifted * spread;
  let since = known.length - hours_looked_at;
  while (since > 0 && apart(values[since - 1])) --since;
  return { now, drifts: apart(now), since_s: known[since].at_s };
}

const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// Why a sample did not count, as people ask for it; the qualities themselves are told on the figure.
const reasons = [
  ["did not arrive", ["Bad_NotConnected", "Bad_CommFailure", "Bad_Stale", "Uncertain_LastKnown"]],
  ["out of range", ["Uncertain_OutOfRange"]],
  ["bad sensor or device", ["Bad_SensorFailure", "Bad_DeviceFailure", "Bad_Config", "Bad_OutOfService"]],
];

/** What was wrong with each signal, by reason, and how far it has moved. */
function Inputs({ inputs, drifts, counters, kept }) {
  if (!inputs.signals?.length) return <Panel title={t("Inputs")}><p class="calm">{t("No data yet")}</p></Panel>;
  const { since_s, frames, lost } = inputs;
  const count = (n, mark, title) => <td class="n" title={title}>{mark && n > 0 && <Mark level="bad" label="" />} {n === 0 ? "–" : number(n, 0)}</td>;
  return (
    <Panel title={t("Inputs")} note={since_s != null && t("since {t}: {n} instants of the sampling grid, {lost} of them not read", { t: clock(since_s, false), n: number(frames + lost, 0), lost: number(lost, 0) })}>
      <Scroll label={t("Inputs")}><table class="tight">
        <thead><tr><th scope="col">{t("Machine")}</th><th scope="col">{t("Signal")}</th><th scope="col" class="n">{t("Samples")}</th><th scope="col" class="n">{t("good")}</th>
          {reasons.map(([name]) => <th key={name} scope="col" class="n">{t(name)}</th>)}
          <th scope="col" class="n">{t("stuck")}</th><th scope="col" class="n">{t("outliers (spikes)")}</th><th scope="col" class="n">{t("gaps")}</th><th scope="col">{t("longest, from")}</th>
          <th scope="col">{t("Drift")}</th><th scope="col" class="n">{t("last {n} h", { n: hours_looked_at })}</th></tr></thead>
        <tbody>{inputs.signals.map((s) => {
          const course = drifts.find((d) => d.machine === s.machine && d.signal === s.signal);
          const shift = course?.shift ?? [];
          const { now, drifts: moves, since_s: moved_s } = drift(shift, course?.at_s);
          const good = s.samples + lost === 0 ? null : (s.by_quality.Good ?? 0) / (s.samples + lost);
          const of = (names) => names.reduce((n, name) => n + (s.by_quality[name] ?? 0), 0);
          const told = (names) => names.filter((name) => s.by_quality[name]).map((name) => `${t(name)}${t(": ")}${s.by_quality[name]}`).join(t(", ")) || undefined;
          return (
            <tr key={`${s.machine}/${s.signal}`}><th scope="row">{s.machine}</th><th scope="row">{s.signal}</th><td class="n">{number(s.samples, 0)}</td>
              <td class="n">{good != null && good < 0.95 && <Mark level="bad" label={t("not good")} />} {good == null ? "–" : `${number(100 * good, 1)} %`}</td>
              {reasons.map(([name, names], i) => <td key={name} class="n" title={told(names)}>{of(names) + (i === 0 ? lost : 0) === 0 ? "–" : number(of(names) + (i === 0 ? lost : 0), 0)}</td>)}
              {count(s.stuck, true)}
              <td class="n">{s.outliers === 0 ? "–" : `${number(s.outliers, 0)} (${number(s.spikes, 0)})`}</td>
              {count(s.gaps)}
              <td class="nowrap">{s.longest_gap_s == null ? "–" : `${lasting(s.longest_gap_s)}${t(", ")}${clock(s.longest_gap_at_s)}`}</td>
              <td><Spark values={shift} band={drifted} label={`${s.machine} ${s.signal}: ${shift.map((value) => number(value, 1)).join(" ")}`} /></td>
              <td class="n">{moves && <Mark level="low" label={t("drifts")} />} {now == null ? "–" : `${now > 0 ? "+" : ""}${number(now, 1)} σ`}{moves && <><br /><span class="quiet">{t("since {t}", { t: clock(moved_s, false) })}</span></>}</td></tr>
          );
        })}</tbody>
      </table></Scroll>
      <p class="quiet">{t("Of the link: {late} late and {twice} second answers, thrown away. Stuck: one value for longer than the noise of the sensor allows. Outliers: more than six deviations from the median of eleven readings before, while the machine runs; spikes: the next was back. Gaps: longer than three sample periods without a good sample.", { late: number(counters.late ?? 0, 0), twice: number(counters.duplicates ?? 0, 0) })}</p>
      <p class="quiet">{t("Drift")}{t(": ")}{t("hourly mean of good samples while the machine works, less normal, in deviations of its noise")}{t("; ")}{kept ? t("the last week") : t("since the plugin began, as the configuration names no store")}{t(".")} {t("Marked when the last {n} h differ from those before by more than three times their spread.", { n: hours_looked_at })}</p>
    </Panel>
  );
}

/** Periods of some hours: more said than came is above zero. */
function Drift({ periods }) {
  if (periods.length === 0)
    return <Panel title={t("Drift of the calibration")}><p class="calm">{t("No data yet")}{t(": ")}{t("forecasts are judged every four hours of line time, and kept where the configuration names a store")}{t(".")}</p></Panel>;
  const last = periods.slice(-30).reverse();
  return (
    <Panel title={t("Drift of the calibration")} note={t("said less came, in points; {n} periods", { n: periods.length })}>
      <Spark values={periods.map((p) => (100 * (p.said - p.came)) / p.forecasts)} band={5} label={periods.map((p) => `${clock(p.at_s, false)}: ${number((100 * (p.said - p.came)) / p.forecasts, 1)}`).join("; ")} />
      <Scroll label={t("Drift of the calibration")}><table class="tight">
        <thead><tr><th scope="col">{t("until")}</th><th scope="col" class="n">{t("Line time")}</th><th scope="col" class="n">{t("Forecasts")}</th><th scope="col" class="n">{t("said")}</th><th scope="col" class="n">{t("came")}</th><th scope="col" class="n">Brier</th></tr></thead>
        <tbody>{last.map((p) => <tr key={`${p.wall_ms}/${p.at_s}`}><td class="nowrap">{wall(p.wall_ms)}</td><td class="n">{line_clock(p.at_s, false)}</td><td class="n">{number(p.forecasts, 0)}</td><td class="n">{number((100 * p.said) / p.forecasts, 1)} %</td><td class="n">{number((100 * p.came) / p.forecasts, 1)} %</td><td class="n">{number(p.squares / p.forecasts, 3)}</td></tr>)}</tbody>
      </table></Scroll>
    </Panel>
  );
}

export function Data() {
  const data = useEvery(() => get("/api/data"), 2000, []);
  if (!data) return <p class="calm">{t("Loading")}</p>;
  if (data.error) return <Trouble text={data.error} />;
  return (
    <div class="page">
      <div class="columns proof">
        <div>
          <Calibration data={data} />
          <Drift periods={data.calibration.periods} />
        </div>
        <Winners evaluation={data.evaluation} />
      </div>
      <Inputs inputs={data.inputs} drifts={data.drift} counters={data.counters} kept={data.kept} />
      <div class="columns">
        <Panel title={t("The model")}><p>{data.model || "–"}</p>
          <table class="tight"><thead><tr><th scope="col">{t("Machine")}</th><th scope="col">{t("Forecast")}</th><th scope="col" class="n">{t("missing input")}</th></tr></thead>
            <tbody>{data.forecasts.map((f) => <tr key={f.machine}><th scope="row">{f.machine}</th><td>{f.available ? t("available") : `${t("not available")}${t(": ")}${f.why_not}`}</td><td class="n">{percent(f.missing)}</td></tr>)}</tbody></table>
          {data.card && <details><summary>{t("Its card: made of what, and when it can be believed")}</summary><div class="scroll" role="group" aria-label={t("The model")} tabIndex="0"><pre class="mono card">{data.card}</pre></div></details>}
        </Panel>
        <Panel kept title={t("The link")}><dl>{Object.entries(data.counters).map(([name, n]) => [<dt key={name}>{t(name)}</dt>, <dd key={`${name}-n`}>{number(n, 0)}</dd>])}</dl></Panel>
      </div>
    </div>
  );
}
