// SPDX-License-Identifier: Apache-2.0
// What the programs say, in the language of the page. They speak English: the gate in forms with values, all others
// in sentences that are made of the clauses of clauses.js and complaints.js.
import { clauses } from "./clauses.js";
import { complaints } from "./complaints.js";
import { filled, is_chinese, is_known, t } from "./text.js";

const literal = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const pattern = (form, value) => new RegExp(`^${form.split(/\{\d\}/).map(literal).join(value)}$`);
const known_of = (forms) => Object.entries(forms).map(([form, chinese]) => ({
  order: [...form.matchAll(/\{(\d)\}/g)].map(([, i]) => i), chinese, mends: forms === complaints,
  fixed: form.replace(/\{\d\}/g, "").length, opens: form.endsWith(": {1}") && form.length > 8,
  shape: { word: pattern(form, "((?:(?! \\()[^;,\\n])+?)"), more: pattern(form, "(.+?)") },
}));
const known = [...known_of(complaints), ...known_of(clauses)];
// The more of a clause is fixed, the sooner it is tried. What stands in it is first taken for a word, then for more; then
// first by those that only open what another goes on with.
const tried = {
  word: [...known].sort((a, b) => b.fixed - a.fixed),
  more: [...known].sort((a, b) => b.opens - a.opens || b.fixed - a.fixed),
};

/** By one clause. What a complaint names must be written as it stands, so only complaints are told in it. */
function one(text, width, mends = false) {
  for (const clause of tried[width]) {
    const match = (!mends || clause.mends) && clause.shape[width].exec(text);
    if (!match) continue;
    const values = [];
    clause.order.forEach((place, i) => (values[place] = clause.mends ? (one(match[i + 1], "more", true) ?? match[i + 1]) : spoken(match[i + 1])));
    return filled(clause.chinese, values);
  }
  return null;
}

const sentence_max = 600;

/** The Chinese of a text, as far as there is one; null when no part of it is known. */
function chinese_of(text) {
  if (text.includes("\n")) {
    const lines = text.split("\n").map(chinese_of);
    return lines.some((line) => line != null) ? lines.map((line, i) => line ?? text.split("\n")[i]).join("\n") : null;
  }
  if (text.length > sentence_max || text.startsWith("{")) return null; // figures, not words
  const [, place, complaint] = /^(\S+:\d+:\d+: )(.+)$/.exec(text) ?? [];
  if (place) return place + (chinese_of(complaint) ?? complaint);
  const [, peer, trouble] = /^((?:[^\s:]+: )?\S+:\d+): (.+)$/.exec(text) ?? [];
  if (peer) return `${peer.replace(": ", "：")}：${chinese_of(trouble) ?? trouble}`;
  if (is_known(text)) return t(text);
  const [, machine, kind] = /^([^\s/]+)\/([\w-]+)$/.exec(text) ?? [];
  if (kind && is_known(kind)) return `${machine} · ${t(kind)}`;
  const whole = one(text, "word");
  if (whole != null) return whole;
  for (const [, what, hint] of [/^(.+?) \(((?:[^()]|\([^()]*\))+)\)$/, /^(.+) \((.+)\)$/].map((shape) => shape.exec(text) ?? []))
    if (hint && chinese_of(hint) != null && chinese_of(what) != null) return `${chinese_of(what)}（${chinese_of(hint)}）`;
  const told = [["; ", "；"], [", ", "，"]].map(([mark, chinese]) => {
    const parts = text.split(mark);
    const each = parts.map((part) => (parts.length > 1 ? chinese_of(part) : null));
    return { all: each.every((part) => part != null), some: each.some((part) => part != null), text: each.map((part, i) => part ?? parts[i]).join(chinese) };
  });
  return told.find(({ all }) => all)?.text ?? one(text, "more") ?? told.find(({ some }) => some)?.text ?? null;
}

const heard = new Map(); // pages say the same again with every message
const heard_max = 4000;

/** A text of the programs; what of it is not known stays as it is. */
export function spoken(text) {
  if (!text || !is_chinese()) return text;
  if (heard.size > heard_max) heard.clear();
  if (!heard.has(text)) heard.set(text, chinese_of(text) ?? text);
  return heard.get(text);
}

/** A reason in the audit, parted into what the program says before it and the reason itself. */
export function reason_in(detail) {
  const [, before, reason] = /^((?:proposal|roll-back of) \d+: )(.*)$/s.exec(detail) ?? [, "", detail];
  return { before: before && (is_chinese() ? spoken(before.trim()) : before), reason };
}

/** A finding of the gate. */
export const finding = ({ form, values }) => (is_chinese() ? filled(clauses[form] ?? form, values.map(spoken)) : filled(form, values));

/** Why the gate has proposed or refused. */
export function reason_of(plan) {
  if (!is_chinese() || !plan.said?.form) return plan.reason;
  return `${plan.said.check ? `${t(plan.said.check)}：` : ""}${finding(plan.said)}`;
}
