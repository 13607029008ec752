// SPDX-License-Identifier: Apache-2.0
// Means over futures with their intervals, one schedule beside another.
import { measure, measure_name, says, unit_beside, unit_in } from "./format.js";
import { Scroll } from "./parts.jsx";
import { t } from "./text.js";

export function Interval({ value, unit, signed }) {
  if (!value || value.mean == null) return <>–</>;
  const sign = (v) => (signed && v > 0 && (unit !== "s" || v >= 0.5) ? "+" : "");
  const show = (v) => (v == null ? "–" : `${sign(v)}${measure(v, unit)}`);
  const low = signed || value.mean < 0 || value.low == null ? value.low : Math.max(0, value.low); // nothing is late by less than nothing
  return <span class="nowrap">{show(value.mean)} <span class="quiet">[{show(low)}, {show(value.high)}]</span></span>;
}

/** Paired differences, one a future: what the comparison is about. */
export function paired(proof, field) {
  return proof.difference?.[field];
}

/** Measures of two schedules beside each other; on a phone each measure is a card. */
export function Compared({ first, second, rows }) {
  return (
    <Scroll label={t("Compared on the same futures")}><table class="cards">
      <thead><tr><th scope="col">{t("Measure")}</th><th scope="col" class="n">{first}</th><th scope="col" class="n">{second}</th><th scope="col" class="n">{t("difference")}</th></tr></thead>
      <tbody>{rows.filter((row) => says(row.first, row.second)).map((row) => {
        const unit = unit_in(row.name, row.unit);
        return (
          <tr key={row.name}><th scope="row">{measure_name(row.name)} <span class="quiet">{unit_beside(row.name, row.unit)}</span></th>
            <td class="n" data-name={first}><Interval value={row.first} unit={unit} /></td>
            <td class="n" data-name={second}><Interval value={row.second} unit={unit} /></td>
            <td class="n" data-name={t("difference")}><Interval value={row.difference} unit={unit} signed /></td></tr>
        );
      })}</tbody>
    </table></Scroll>
  );
}
