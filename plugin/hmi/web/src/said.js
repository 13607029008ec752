// SPDX-License-Identifier: Apache-2.0
// What gate and planning say, in the language of the page. The gate sends a form and its values; names of schedules,
// and the reasons for them, are English clauses of a few shapes.
import { is_chinese, t } from "./text.js";

/** {0}, {1}: a word, a name, a number. Each has its Chinese in text.js. */
export const shapes = [
  "keep", "by due date", "by changeover", "best without chance", "as it is", "search {0}",
  "service {0} now", "service {0} in {1} min", "service {0} before {1}",
  "the schedule goes on as it is", "open orders in the order of their due dates", "open orders with the shortest changeovers first",
  "{0} is serviced now ({1} min)", "{0} is serviced in {1} min ({2} min)", "before it is likely to fail",
  "{0} is serviced in the changeover to order {1}", "{0} is serviced in the changeover to {1}", "{0} is serviced in {1} min",
  "{0} comes {1} earlier", "and {0} more",
  "faults come after {0} of the time", "repairs take {0} of the time", "machines take {0} of the time",
  "the forecast says nothing: base rates", "every second alarm is false",
  "{0} has been down for {1} min", "order {0} was over after {1} min", "order {0} is not over after {1} min",
  "of ten simulated futures nine end it between {0} and {1} min",
  "order {0} is missing from the sequence", "order {0} has started and must stay at position {1} of the sequence",
  "this plant", "{0} simulated days",
  "{0} of {1}: {2} % within {3} h", "{0} of {1}: {2} % within {3} min", "as likely as not within {0} h", "as likely as not within {0} min",
  "because of {0} ({1} points)", "{0} ({1} points)",
  "another sequence of orders", "a service of {0}", "{0} of {1} in {2} min", "{0} places behind {1}", "{0} needs {1} % of its time a part", "{0} crews",
];

const found = shapes.map((form) => {
  const literal = form.split(/\{\d\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return [form, new RegExp(`^${literal.join("(.+?)")}$`)];
});

/** One clause after the other; a clause of no known shape stays as it is. */
export function spoken(text) {
  if (!text || !is_chinese()) return text;
  return text.split("; ").map((sentence) => sentence.split(", ").map((clause) => {
    for (const [form, shape] of found) {
      const match = shape.exec(clause);
      if (match) return t(form, match.slice(1).map((word) => t(word)));
    }
    return clause;
  }).join("，")).join("；");
}

/** A finding of the gate. */
export const finding = ({ form, values }) => t(form, values.map(spoken));

/** Why the gate has proposed or refused. */
export function reason_of(plan) {
  if (!is_chinese() || !plan.said?.form) return plan.reason;
  return `${plan.said.check ? `${t(plan.said.check)}：` : ""}${finding(plan.said)}`;
}
