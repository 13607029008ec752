// SPDX-License-Identifier: Apache-2.0
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { Notes } from "./overview.jsx";
import { clock, forecasts_of, lasting, number, percent } from "./format.js";
import { freshness, get, live } from "./live.js";
import { Fresh, Mark, Panel, rem, useEvery, useWidth } from "./parts.jsx";
import { t } from "./text.js";

const ink = "#1f2a33";
const muted = "#4d5a66";

/** One curve over line time: normal band behind, points that are not good crossed, what is forecast ahead. */
function Trend({ at_s, value, bad = [], band, range, mark, label, height, limit }) {
  const [box, width] = useWidth();
  const place = useRef();
  const plot = useRef();
  const shown = useRef({});
  shown.current = { bad, band, mark, limit };
  useEffect(() => {
    const em = rem();
    const font = `${Math.round(0.75 * em)}px sans-serif`;
    const axis = { stroke: muted, font, grid: { stroke: "#0000001a", width: 1 }, ticks: { stroke: "#0000001a" } };
    const rectangle = (u, x0, x1, y0, y1) => {
      const left = Math.max(u.bbox.left, Math.min(x0, x1));
      const right = Math.min(u.bbox.left + u.bbox.width, Math.max(x0, x1));
      const top = Math.max(u.bbox.top, Math.min(y0, y1));
      const bottom = Math.min(u.bbox.top + u.bbox.height, Math.max(y0, y1));
      if (right > left && bottom > top) u.ctx.fillRect(left, top, right - left, bottom - top);
    };
    plot.current = new uPlot({
      width, height,
      legend: { show: false },
      cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, y: range ? { range: () => range } : {} },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((s) => clock(s, false)), size: 1.9 * em, space: 5 * em },
        { ...axis, size: 3.6 * em, space: 1.3 * em, values: (_, ticks) => ticks.map((v) => number(v)) },
      ],
      series: [{}, { stroke: ink, width: Math.max(1, em / 11), points: { show: false }, spanGaps: false }],
      hooks: {
        drawClear: [(u) => {
          const { band, mark } = shown.current;
          if (band) {
            u.ctx.fillStyle = "#c9d6c940";
            rectangle(u, u.bbox.left, u.bbox.left + u.bbox.width, u.valToPos(band[0], "y", true), u.valToPos(band[1], "y", true));
            u.ctx.strokeStyle = "#6d7d6d";
            u.ctx.setLineDash([4, 4]);
            for (const edge of band) {
              const y = u.valToPos(edge, "y", true);
              if (y < u.bbox.top || y > u.bbox.top + u.bbox.height) continue;
              u.ctx.beginPath();
              u.ctx.moveTo(u.bbox.left, y);
              u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
              u.ctx.stroke();
            }
            u.ctx.setLineDash([]);
          }
          if (mark) {
            u.ctx.fillStyle = "#7a3e8e2e";
            rectangle(u, u.valToPos(mark.from, "x", true), u.valToPos(mark.until, "x", true), u.bbox.top, u.bbox.top + u.bbox.height);
          }
        }],
        draw: [(u) => {
          const { bad, mark, limit } = shown.current;
          u.ctx.save();
          u.ctx.strokeStyle = "#a3222c";
          u.ctx.lineWidth = 1.5;
          for (const i of bad) {
            const x = u.valToPos(u.data[0][i], "x", true);
            const y = u.data[1][i] == null ? u.bbox.top + u.bbox.height - 6 : u.valToPos(u.data[1][i], "y", true);
            u.ctx.beginPath();
            u.ctx.moveTo(x - 3, y - 3);
            u.ctx.lineTo(x + 3, y + 3);
            u.ctx.moveTo(x + 3, y - 3);
            u.ctx.lineTo(x - 3, y + 3);
            u.ctx.stroke();
          }
          if (limit != null) {
            const y = u.valToPos(limit, "y", true);
            u.ctx.strokeStyle = "#7a3e8e";
            u.ctx.setLineDash([6, 4]);
            u.ctx.beginPath();
            u.ctx.moveTo(u.bbox.left, y);
            u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
            u.ctx.stroke();
          }
          if (mark?.middle != null) {
            const x = u.valToPos(mark.middle, "x", true);
            u.ctx.strokeStyle = "#7a3e8e";
            u.ctx.lineWidth = 2;
            u.ctx.setLineDash([6, 4]);
            u.ctx.beginPath();
            u.ctx.moveTo(x, u.bbox.top);
            u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
            u.ctx.stroke();
          }
          u.ctx.restore();
        }],
      },
    }, [[0], [null]], place.current);
    return () => plot.current.destroy();
  }, []);
  useEffect(() => plot.current.setSize({ width, height }), [width, height]);
  useEffect(() => {
    const u = plot.current;
    u.setData([at_s, value], false);
    if (at_s.length === 0) return;
    const first = at_s[0];
    const last = Math.max(at_s[at_s.length - 1], first + 600, mark ? Math.min(mark.until, at_s[at_s.length - 1] + 4 * 3600) : 0);
    u.setScale("x", { min: first, max: last });
    if (range) return;
    let low = band ? band[0] : Infinity;
    let high = band ? band[1] : -Infinity;
    for (const v of value) if (v != null) { low = Math.min(low, v); high = Math.max(high, v); }
    if (!isFinite(low)) return;
    const room = 0.08 * (high - low || 1);
    u.setScale("y", { min: low - room, max: high + room });
  });
  return <div ref={box}><div ref={place} role="img" aria-label={label} /></div>;
}

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
          <td class="n">{reason.contribution >= 0 ? "+" : "−"}{number(100 * Math.abs(reason.contribution), 1)} %</td>
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
        <Panel title={`${chosen} · ${t("Signals")}`} note={`${t("normal band")}: ▒ · ${t("not good")}: ✕${foremost ? ` · ${t("expected time of the fault, P10 to P90")}` : ""}`}>
          {known.signals.map((signal, s) => {
            const [value, quality] = now.signals[s] ?? [];
            const seen = history?.signals?.[s];
            const outside = freshness() === "live" && value != null && (value < signal.band_low || value > signal.band_high) && now.state === "Execute";
            return (
              <div class="signal" key={`${chosen}/${signal.name}`}>
                <div class="reading">
                  <b>{signal.name}</b>
                  <Fresh class="big">{outside && <Mark level="low" label={t("low")} />} {number(value)}<span class="unit"> {signal.unit}</span></Fresh>
                  {quality && quality !== "Good" && <span class="bad"><Mark level="bad" label="" /> {t(quality)}</span>}
                  <span class="quiet">{t("normal band")} {number(signal.band_low)} – {number(signal.band_high)}</span>
                </div>
                <Trend height={Math.round(7.2 * em)} at_s={seen?.at_s ?? []} value={seen?.value ?? []} bad={seen?.bad ?? []}
                  band={[signal.band_low, signal.band_high]} mark={mark} label={`${signal.name}, ${signal.unit}`} />
              </div>
            );
          })}
        </Panel>
        <div class="side">
          <Panel title={t("Forecast")} note={t("P(fault within {h})", { h: horizon })}>
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
          <Panel title={t("Why")}>
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
            <Notes notes={[...(history?.history ?? [])].reverse().slice(0, 20).map((entry, i) => ({ number: i, at_s: entry.at_s, event: entry.what, text: entry.text ?? "" }))} />
          </Panel>
        </div>
      </div>
    </div>
  );
}
