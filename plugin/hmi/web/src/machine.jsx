// SPDX-License-Identifier: Apache-2.0
import { by_wall_clock, clock, forecasts_of, lasting, number, percent, subject, unit_of, wall } from "./format.js";
import { freshness, get, live } from "./live.js";
import { drift } from "./data.jsx";
import { Fresh, Mark, Notes, Panel, Scroll, rem, useEvery } from "./parts.jsx";
import { spoken } from "./said.js";
import { t } from "./text.js";
import { Trend } from "./trend.jsx";

/** The reason in "filler/bearing-wear raised: because". */
const told_behind = (text) => (text?.includes(": ") ? `${t(": ")}${spoken(text.slice(text.indexOf(": ") + 2))}` : "");

/** Signed contributions around a middle line. */
function Reasons({ kind }) {
  const reasons = kind.reasons ?? [];
  if (reasons.length === 0) return <p class="calm">{t("No reasons yet")}</p>;
  const most = Math.max(0.01, ...reasons.map((reason) => Math.abs(reason.contribution)));
  return (
    <table class="reasons tight"><tbody>
      {reasons.map((reason) => (
        <tr key={reason.signal}>
          <th scope="row">{reason.signal}</th>
          <td class="bar">
            <span class={reason.contribution >= 0 ? "for" : "against"}
              style={reason.contribution >= 0 ? { left: "50%", width: `${(50 * reason.contribution) / most}%` } : { right: "50%", width: `${(-50 * reason.contribution) / most}%` }} />
          </td>
          <td class="n nowrap">{reason.contribution >= 0 ? "+" : "−"}{number(100 * Math.abs(reason.contribution), 1)} <span class="quiet">{t("points")}</span></td>
        </tr>
      ))}
    </tbody></table>
  );
}

/** What the curves of signals show; a colour and a drawing each. */
function Legend({ fault }) {
  return (
    <div class="key legend">
      <span><i class="normalband" aria-hidden="true" />{t("normal band")}</span>
      <span><i class="expected" aria-hidden="true" />{t("expected readings while it runs, P10 to P90, and P50")}</span>
      {fault && <span><i class="faulttime" aria-hidden="true" />{t("time of the fault if it comes within {h}: P10 to P90, and P50", { h: lasting(live.line.horizons_s.at(-1)) })}</span>}
      <span aria-hidden="true">✕</span><span>{t("not good")}</span>
    </div>
  );
}

const entry_names = { breakdown: "breakdown and repair", service: "service", renewal: "service or repair that was not watched" };
const entries_shown = 20;
const altogether = (count, s) => (count === 0 ? "0" : `${count} · ${t("{t} altogether", { t: lasting(s) })}`);

/** Breakdowns, repairs and services, with what they took. */
function Maintenance({ log }) {
  if (!log || log.since_s == null) return <p class="calm">{t("No data yet")}</p>;
  const entries = [...log.entries].reverse().slice(0, entries_shown);
  return (
    <>
      <dl>
        <dt>{t("breakdowns")}</dt><dd>{altogether(log.breakdowns, log.down_s)}</dd>
        <dt>{t("MTBF, running time")}</dt><dd>{log.mtbf_s == null ? t("no breakdown yet") : `${lasting(log.mtbf_s)} (${log.breakdowns})`}</dd>
        <dt>{t("MTTR, waiting for a crew included")}</dt><dd>{log.mttr_s == null ? "–" : lasting(log.mttr_s)}</dd>
        <dt>{t("services")}</dt><dd>{altogether(log.services, log.service_s)}</dd>
        <dt>{t("watched")}</dt><dd>{t("since {t}", { t: clock(log.since_s, false) })}{t(", ")}{t("{t} of running", { t: lasting(log.operating_s) })}</dd>
      </dl>
      {entries.length > 0 && (
        <Scroll label={t("Breakdowns and maintenance")}><table class="tight cards">
          <thead><tr><th scope="col">{t("from")}</th><th scope="col">{t("What")}</th><th scope="col" class="n">{t("took")}</th><th scope="col" class="n">{t("ran before")}</th><th scope="col">{t("forecast before it")}</th></tr></thead>
          <tbody>{entries.map((entry) => (
            <tr key={`${entry.from_s}/${entry.wall_ms}`}>
              <th scope="row" class="nowrap">{by_wall_clock() && entry.wall_ms > 0 ? wall(entry.wall_ms - 1000 * (entry.until_s - entry.from_s)) : clock(entry.from_s, false)}</th>
              <td>{entry.what === "breakdown" && entry.until_s == null ? <><Mark level="high" label="" /> {t("breakdown, not over")}</> : t(entry_names[entry.what])}</td>
              <td class="n" data-name={t("took")}>{entry.until_s == null ? "…" : entry.what === "renewal" ? "–" : lasting(entry.until_s - entry.from_s)}</td>
              <td class="n" data-name={t("ran before")}>{lasting(entry.ran_s)}</td>
              <td data-name={t("forecast before it")}>{entry.foreseen ? t(entry.foreseen) : "–"}</td>
            </tr>
          ))}</tbody>
        </table></Scroll>
      )}
      <p class="quiet">{t("Which fault it was and which crew repaired it are not in the PLC's registers; the forecast that stood is told instead.")}</p>
    </>
  );
}

/** Which model speaks, and what it has to go by. */
function Health({ latest, signals, data }) {
  const { line, state } = live;
  const { model } = line;
  const moved = (data?.drift ?? []).filter((one) => signals.includes(one.signal)).map((one) => ({ ...one, ...drift(one.shift, one.at_s) })).filter((one) => one.drifts);
  return (
    <dl>
      <dt>{t("Forecast")}</dt><dd>{latest?.available ? t("available") : `${t("not available")}${t(": ")}${latest?.why_not ?? t("none was made yet")}`}</dd>
      {latest && <><dt>{t("made at")}</dt><dd>{clock(latest.at_s)} ({t("{t} ago", { t: lasting(Math.max(0, state.line_time_s - latest.at_s)) })})</dd></>}
      <dt>{t("missing input")}</dt><dd>{percent(latest?.missing_share)}</dd>
      <dt>{t("drifting inputs")}</dt><dd>{!data?.drift ? "–" : moved.length === 0 ? t("none") : moved.map((one) => `${one.signal} (${t("since {t}", { t: clock(one.since_s, false) })})`).join(t(", "))}</dd>
      {model && (
        <>
          <dt>{t("The model")}</dt><dd><code>{model.folder}</code>{model.sha256 && <> · <code title={`SHA-256 ${model.sha256}`}>{model.sha256.slice(0, 12)}</code></>}{model.language != null && ` · ${t("language {n}", { n: model.language })}`}</dd>
          <dt>{t("file of")}</dt><dd>{wall(model.written_ms)}</dd>
          <dt>{t("judged on")}</dt><dd>{model.judged_days == null ? t("the model has no evaluation beside it") : t("{n} simulated days that no method had seen", { n: model.judged_days })}</dd>
          <dt>{t("trained on")}</dt><dd><a href="#/data">{t("its card, on the data page")}</a></dd>
        </>
      )}
    </dl>
  );
}

export function Machine({ name }) {
  const { line, state } = live;
  const chosen = name && line.machines.some((m) => m.name === name) ? name : line.machines[0].name;
  const position = line.machines.findIndex((m) => m.name === chosen);
  const known = line.machines[position];
  const now = state.machines[position];
  const history = useEvery(() => get(`/api/machine?name=${encodeURIComponent(chosen)}`), 1000, [chosen]);
  const forecasts = forecasts_of(line, state, 0).filter((f) => f.machine === chosen);
  const foremost = forecasts.find((f) => f.p >= 0.1);
  const latest = history?.latest;
  const horizon = lasting(line.rules.horizon_s);
  const mark = foremost && { from: foremost.at_s + (foremost.q10 ?? 0), until: foremost.at_s + (foremost.q90 ?? 14400), middle: foremost.q50 == null ? null : foremost.at_s + foremost.q50 };
  const em = rem();
  const data = useEvery(() => get("/api/data"), 60_000, []);
  return (
    <div class="page machine-page">
      <nav class="tabs" aria-label={t("Choose a machine")}>
        {line.machines.map((m) => <a key={m.name} href={`#/machine/${encodeURIComponent(m.name)}`} aria-current={m.name === chosen ? "page" : undefined}>{m.name}</a>)}
      </nav>
      <div class="columns">
        <div class="side">
          <Panel class="signals" title={`${chosen} · ${t("Signals")}`}>
            <Legend fault={mark} />
            {known.signals.map((signal, s) => {
              const [value, quality, apart] = now.signals[s] ?? [];
              const seen = history?.signals?.[s];
              const outside = apart && now.state === "Execute" && freshness() === "live";
              const ahead = seen?.ahead.at_s.length > 1 && seen.ahead.at_s.at(-1) > seen.at_s.at(-1) ? seen.ahead : null;
              return (
                <div class="signal" key={`${chosen}/${signal.name}`}>
                  <div class="reading">
                    <b>{signal.name}</b>
                    <Fresh class="big">{outside && <Mark level="low" label={t("outside its normal band")} />} {number(value)}<span class="unit"> {unit_of(signal.unit)}</span></Fresh>
                    {quality && quality !== "Good" && <span class="bad"><Mark level="bad" label="" /> {t(quality)}</span>}
                    <span class="quiet">{t("normal band")} <span class="nowrap">{number(signal.band_low)} – {number(signal.band_high)}</span></span>
                    {ahead && <span class="quiet">{t("in {t}", { t: lasting(ahead.at_s.at(-1) - seen.at_s.at(-1)) })} P10–P90 <span class="nowrap">{number(ahead.low.at(-1))} – {number(ahead.high.at(-1))}</span></span>}
                  </div>
                  <Trend height={Math.round(7.2 * em)} at_s={seen?.at_s ?? []} value={seen?.value ?? []} bad={seen?.bad ?? []} ahead={ahead}
                    band={[signal.band_low, signal.band_high]} mark={mark} label={`${signal.name}, ${unit_of(signal.unit)}${ahead ? `; ${t("expected readings while it runs, P10 to P90, and P50")}: ${ahead.at_s.map((s, i) => `${clock(s, false)} ${number(ahead.low[i])} – ${number(ahead.high[i])} (${number(ahead.middle[i])})`).join(", ")}` : ""}`} />
                </div>
              );
            })}
            <p class="quiet">{t("Of ten readings taken while the machine runs, eight are expected between P10 and P90, whatever breaks down. Reckoned from this signal's own last 48 h: its level, and how far readings have been from the level before them. It knows of no fault, so that readings leave it where a machine wears; it looks as far ahead as a third of what was seen, 4 h at most.")}</p>
          </Panel>
          <Panel title={t("Breakdowns and maintenance")}><Maintenance log={history?.maintenance} /></Panel>
        </div>
        <div class="side">
          <Panel class="first" title={t("Forecast")} note={t("P(fault within {h})", { h: horizon })}>
            {forecasts.length === 0 && <p class="calm">{latest?.why_not ?? t("No forecast")}</p>}
            {forecasts.map((f) => (
              <div class="foreseen" key={f.id}>
                <div class="row"><b>{f.p >= line.rules.raise_probability && <Mark level="forecast" />} {t(f.kind)}</b> <Fresh class="big">{percent(f.p)}</Fresh></div>
                {f.p >= 0.1 && f.q10 != null && f.q90 != null && <p class="quiet">{t("most likely in {a} to {b}", { a: lasting(f.q10), b: lasting(f.q90) })}</p>}
                {(() => {
                  const past = history?.forecasts?.find((p) => p.kind === f.kind);
                  return past && past.at_s.length > 1 ? <Trend height={Math.round(5 * em)} at_s={past.at_s} value={past.probability} range={[0, 1]} limit={line.rules.raise_probability} label={`${t("probability")} ${t(f.kind)}`} /> : null;
                })()}
              </div>
            ))}
          </Panel>
          <Panel class="first" title={t("Why")}>
            <p class="quiet">{t("How much P(fault within {h}) falls when the signal is hidden. To the right: speaks for the fault; to the left: against it.", { h: horizon })}</p>
            {(latest?.kinds ?? []).filter((kind) => known.faults.some((f) => f.kind === kind.kind && f.warns)).map((kind) => (
              <div key={kind.kind}><h3>{t(kind.kind)}</h3><Reasons kind={kind} /></div>
            ))}
            {latest?.sentence && <details><summary>{t("What the model read")}</summary><p class="mono">{latest.sentence}</p></details>}
          </Panel>
          <Panel title={t("Health of model and data")}>
            <Health latest={latest} signals={known.signals.map((one) => one.name)} data={data && { ...data, drift: data.drift?.filter((one) => one.machine === chosen) }} />
          </Panel>
          <Panel title={t("Time in states")}>
            <dl><dt>OEE</dt><dd>{percent(now.oee.oee)} = {percent(now.oee.a)} × {percent(now.oee.p)} × {percent(now.oee.q)}</dd>
              {Object.entries(history?.states_s ?? {}).map(([name, s]) => [<dt key={name}>{t(name)}</dt>, <dd key={`${name}-s`}>{lasting(s)}</dd>])}</dl>
          </Panel>
          <Panel kept title={t("Alarms and forecasts")}>
            <Notes notes={[...(history?.history ?? [])].reverse().slice(0, 20).map((entry, i) => ({ number: i, at_s: entry.at_s, event: entry.what, text: entry.alarm ? `${subject(entry.alarm)}${told_behind(entry.text)}` : spoken(entry.text ?? "") }))} />
          </Panel>
        </div>
      </div>
    </div>
  );
}
