// SPDX-License-Identifier: Apache-2.0
// Audit: who did what.
import { useState } from "preact/hooks";
import { line_clock, lasting, number, subject, wall } from "./format.js";
import { get, live } from "./live.js";
import { Mark, Panel, Reason, Scroll, useEvery } from "./parts.jsx";
import { reason_in, spoken } from "./said.js";
import { t } from "./text.js";

const names = {
  name: "Schedule", from_s: "from", until_s: "until", until_ms: "until, by the clock", for_s: "for so long", because: "because of", text: "result", gain_mean: "mean gain", gain_lower: "promised gain",
  realised: "realised gain", keep_cost: "cost if kept", came: "parts made", replayed: "parts simulated", squares: "squared error", alarm: "alarm", reason: "reason", proposal: "proposal", renewals: "services and repairs",
  futures: "Futures", crews: "Repair crews", sequence: "Sequence",
};
const words = new Set(["name", "because", "text"]);

function figure(name, value) {
  if (name === "alarm") return subject(value);
  if (name === "reason") return <Reason text={value} />;
  if (name.endsWith("_ms")) return wall(value);
  if (name === "for_s") return lasting(value);
  if (name === "from_s" || name === "until_s") return line_clock(value);
  if (typeof value === "number") return number(value, Number.isInteger(value) ? 0 : undefined);
  return words.has(name) ? spoken(value) : String(value);
}

/** What a line of the audit holds: words, with figures folded away of which the short ones are shown. */
function Detail({ text }) {
  const [, before, figures, after] = /^([^{]*)(\{.*\})([^}]*)$/s.exec(text) ?? [];
  let held = null;
  try {
    held = figures && JSON.parse(figures);
  } catch { /* words after all */ }
  if (!held) return spoken(text);
  const short = Object.entries(held).filter(([, value]) => value != null && typeof value !== "object").slice(0, 4);
  if (short.length === 0 && Array.isArray(held.sequence)) short.push(["sequence", held.sequence.join(" ")]);
  const said = short.map(([name, value], i) => <>{i > 0 && " · "}{t(names[name] ?? name).toLowerCase()}{t(": ")}{figure(name, value)}</>);
  return <>{spoken(before.trim())}<details><summary>{said.length > 0 ? said : "…"}</summary><code>{figures}</code></details>{spoken(after.trim())}</>;
}

/** Why a person decided as he did. */
function Given({ detail }) {
  const { before, reason } = reason_in(detail);
  return <>{before}<Reason text={reason} /></>;
}

export function Audit() {
  const [again, setAgain] = useState(0);
  const [search, setSearch] = useState("");
  const audit = useEvery(() => get("/api/audit"), 0, [again, live.session?.user]);
  if (!audit) return <p class="calm">{t("Loading")}</p>;
  if (audit.error && !audit.lines) return <div class="page"><Panel kept title={t("Audit")}><p class="calm">{live.session?.accounts && !live.session.user ? t("Sign in to read the audit.") : audit.error}</p></Panel></div>;
  const lines = [...audit.lines].reverse().filter((line) => `${line.who} ${line.what} ${t(line.what)} ${line.detail} ${spoken(line.detail)}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <div class="page">
      <Panel kept title={t("Audit")} note={audit.kept ? (audit.whole ? t("the chain of {n} lines is whole", { n: audit.count }) : "") : ""}>
        {!audit.kept && <p class="calm">{t("No audit is kept: the configuration names no store.")}</p>}
        {audit.kept && !audit.whole && <p class="trouble"><Mark level="high" /> {t("The audit is broken")}{t(": ")}{audit.error}</p>}
        <div class="toolbar"><label>{t("Search")} <input type="search" value={search} onInput={(e) => setSearch(e.target.value)} /></label><button type="button" onClick={() => setAgain(again + 1)}>{t("Verify again")}</button></div>
        <Scroll label={t("Audit")}><table class="roomy">
          <thead><tr><th scope="col" class="n">{t("Number")}</th><th scope="col">{t("Time")}</th><th scope="col" class="n">{t("Line time")}</th><th scope="col">{t("Who")}</th><th scope="col">{t("What")}</th><th scope="col">{t("Detail")}</th><th scope="col">{t("Hash")}</th></tr></thead>
          <tbody>{lines.map((line) => (
            <tr key={line.number}><td class="n">{line.number}</td><td class="nowrap">{wall(line.wall_ms)}</td><td class="n">{line_clock(line.at_s)}</td><td>{line.who}</td><td class="word">{t(line.what)}</td><td class="detail">{line.what === "reason" ? <Given detail={line.detail} /> : <Detail text={line.detail} />}</td><td class="mono nowrap">{line.hash}</td></tr>
          ))}</tbody>
        </table></Scroll>
      </Panel>
    </div>
  );
}
