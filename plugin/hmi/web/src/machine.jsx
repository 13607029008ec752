// SPDX-License-Identifier: Apache-2.0
import { Notes } from "./overview.jsx";
import { forecasts_of, lasting, number, percent, subject, unit_of } from "./format.js";
import { freshness, get, live } from "./live.js";
import { Fresh, Mark, Panel, rem, useEvery } from "./parts.jsx";
import { spoken } from "./said.js";
import { is_chinese, t } from "./text.js";
import { Trend } from "./trend.jsx";

/** The reason in "filler/bearing-wear raised: because". */
const told_behind = (text) => (text?.includes(": ") ? `${is_chinese() ? "：" : ": "}${spoken(text.slice(text.indexOf(": ") + 2))}` : "");

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
  return (
    <div class="page machine-page">
      <nav class="tabs" aria-label={t("Choose a machine")}>
        {line.machines.map((m) => <a key={m.name} href={`#/machine/${encodeURIComponent(m.name)}`} aria-current={m.name === chosen ? "page" : undefined}>{m.name}</a>)}
      </nav>
      <div class="columns">
        <Panel class="signals" title={`${chosen} · ${t("Signals")}`} note={`${t("normal band")}: ▒ · ${t("not good")}: ✕${foremost ? ` · ${t("expected time of the fault, P10 to P90")}` : ""}`}>
          {known.signals.map((signal, s) => {
            const [value, quality] = now.signals[s] ?? [];
            const seen = history?.signals?.[s];
            const outside = freshness() === "live" && value != null && (value < signal.band_low || value > signal.band_high) && now.state === "Execute";
            return (
              <div class="signal" key={`${chosen}/${signal.name}`}>
                <div class="reading">
                  <b>{signal.name}</b>
                  <Fresh class="big">{outside && <Mark level="low" label={t("low")} />} {number(value)}<span class="unit"> {unit_of(signal.unit)}</span></Fresh>
                  {quality && quality !== "Good" && <span class="bad"><Mark level="bad" label="" /> {t(quality)}</span>}
                  <span class="quiet">{t("normal band")} {number(signal.band_low)} – {number(signal.band_high)}</span>
                </div>
                <Trend height={Math.round(7.2 * em)} at_s={seen?.at_s ?? []} value={seen?.value ?? []} bad={seen?.bad ?? []}
                  band={[signal.band_low, signal.band_high]} mark={mark} label={`${signal.name}, ${unit_of(signal.unit)}`} />
              </div>
            );
          })}
        </Panel>
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
          <Panel title={t("Health of the forecast")}>
            <dl>
              <dt>{t("Forecast")}</dt><dd>{latest?.available ? t("available") : `${t("not available")}: ${latest?.why_not ?? "–"}`}</dd>
              <dt>{t("missing input")}</dt><dd>{percent(latest?.missing_share)}</dd>
              <dt>{t("services and repairs")}</dt><dd>{history?.renewals ?? "–"}</dd>
              <dt>OEE</dt><dd>{percent(now.oee.oee)} = {percent(now.oee.a)} × {percent(now.oee.p)} × {percent(now.oee.q)}</dd>
            </dl>
          </Panel>
          <Panel title={t("Time in states")}>
            <dl>{Object.entries(history?.states_s ?? {}).map(([name, s]) => [<dt key={name}>{t(name)}</dt>, <dd key={`${name}-s`}>{lasting(s)}</dd>])}</dl>
          </Panel>
          <Panel title={t("History")}>
            <Notes notes={[...(history?.history ?? [])].reverse().slice(0, 20).map((entry, i) => ({ number: i, at_s: entry.at_s, event: entry.what, text: entry.alarm ? `${subject(entry.alarm)}${told_behind(entry.text)}` : spoken(entry.text ?? "") }))} />
          </Panel>
        </div>
      </div>
    </div>
  );
}
