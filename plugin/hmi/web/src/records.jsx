// SPDX-License-Identifier: Apache-2.0
// Data and audit: what was measured, and who did what.
import { useState } from "preact/hooks";
import { clock, number, percent, wall } from "./format.js";
import { get, live } from "./live.js";
import { Mark, Panel, Scroll, Trouble, useEvery } from "./parts.jsx";
import { t } from "./text.js";

export function Data() {
  const data = useEvery(() => get("/api/data"), 2000, []);
  if (!data) return <p class="calm">{t("Loading")}</p>;
  if (data.error) return <Trouble text={data.error} />;
  return (
    <div class="page">
      <div class="columns even">
        <Panel title={t("Share of good samples")}>
          <Scroll label={t("Share of good samples")}><table class="tight">
            <thead><tr><th>{t("Machine")}</th><th>{t("Signal")}</th><th class="n">{t("Samples")}</th><th class="n">{t("good")}</th></tr></thead>
            <tbody>{data.signals.map((s) => (
              <tr key={`${s.machine}/${s.signal}`}><td>{s.machine}</td><td>{s.signal}</td><td class="n">{number(s.samples, 0)}</td>
                <td class="n">{s.good != null && s.good < 0.95 && <Mark level="bad" label={t("not good")} />} {s.good == null ? "–" : `${number(100 * s.good, 1)} %`}</td></tr>
            ))}</tbody>
          </table></Scroll>
        </Panel>
        <div>
          <Panel title={t("The link")}><dl>{Object.entries(data.counters).map(([name, n]) => [<dt key={name}>{t(name)}</dt>, <dd key={`${name}-n`}>{number(n, 0)}</dd>])}</dl></Panel>
          <Panel title={t("The model")}><p>{data.model || "–"}</p>
            <table class="tight"><thead><tr><th>{t("Machine")}</th><th>{t("Forecast")}</th><th class="n">{t("missing input")}</th></tr></thead>
              <tbody>{data.forecasts.map((f) => <tr key={f.machine}><td>{f.machine}</td><td>{f.available ? t("available") : `${t("not available")}: ${f.why_not}`}</td><td class="n">{percent(f.missing)}</td></tr>)}</tbody></table>
          </Panel>
        </div>
      </div>
    </div>
  );
}

export function Audit() {
  const [again, setAgain] = useState(0);
  const [search, setSearch] = useState("");
  const audit = useEvery(() => get("/api/audit"), 0, [again, live.session?.user]);
  if (!audit) return <p class="calm">{t("Loading")}</p>;
  if (audit.error && !audit.lines) return <div class="page"><Panel title={t("Audit")}><p class="calm">{live.session?.accounts && !live.session.user ? t("Sign in to read the audit.") : audit.error}</p></Panel></div>;
  const lines = [...audit.lines].reverse().filter((line) => `${line.who} ${line.what} ${line.detail}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="page">
      <Panel title={t("Audit")} note={audit.kept ? (audit.whole ? t("the chain of {n} lines is whole", { n: audit.count }) : "") : ""}>
        {!audit.kept && <p class="calm">{t("No audit is kept: the configuration names no store.")}</p>}
        {audit.kept && !audit.whole && <p class="trouble"><Mark level="high" /> {t("The audit is broken")}: {audit.error}</p>}
        <div class="toolbar"><label>{t("Search")} <input type="search" value={search} onInput={(e) => setSearch(e.target.value)} /></label><button type="button" onClick={() => setAgain(again + 1)}>{t("Verify again")}</button></div>
        <Scroll label={t("Audit")}><table>
          <thead><tr><th class="n">{t("Number")}</th><th>{t("Time")}</th><th class="n">{t("Line time")}</th><th>{t("Who")}</th><th>{t("What")}</th><th>{t("Detail")}</th><th>{t("Hash")}</th></tr></thead>
          <tbody>{lines.map((line) => (
            <tr key={line.number}><td class="n">{line.number}</td><td class="nowrap">{wall(line.wall_ms)}</td><td class="n">{clock(line.at_s)}</td><td>{line.who}</td><td>{line.what}</td><td class="detail">{line.detail}</td><td class="mono">{line.hash}</td></tr>
          ))}</tbody>
        </table></Scroll>
      </Panel>
    </div>
  );
}
