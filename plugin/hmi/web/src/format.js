// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names as people read them.
import { reason_of, spoken } from "./said.js";
import { is_chinese, language, t } from "./text.js";

const pad = (n) => String(n).padStart(2, "0");

let zero_ms = null;
let now = Date.now;

/** Unix time of line time 0, where the plant's clock tells it; from then on times are told by the wall clock. */
export function set_line_clock(ms, today = Date.now) {
  zero_ms = ms ?? null;
  now = today;
}

let site;

/** IANA name of the time zone of the site; undefined, or unknown to the browser: that of who looks. */
export function set_site_zone(name) {
  try {
    site = new Intl.DateTimeFormat("en", { timeZone: name }) && name;
  } catch {
    site = undefined;
  }
}

/** Minutes by which the pages' time zone is behind UTC then. */
function behind(ms) {
  if (!site) return new Date(ms).getTimezoneOffset();
  const parts = format({ timeZoneName: "longOffset" }).formatToParts(ms);
  const [, sign, hours, minutes = 0] = /GMT([+-])(\d+):(\d+)/.exec(parts.find(({ type }) => type === "timeZoneName").value) ?? [0, "+", 0];
  return (sign === "+" ? -1 : 1) * (60 * hours + Number(minutes));
}

/** The date and time there, as if it were UTC. */
const local = (ms) => new Date(ms - 60e3 * behind(ms));
const same_day = (a, b) => local(a).toISOString().slice(0, 10) === local(b).toISOString().slice(0, 10);

export const by_wall_clock = () => zero_ms != null;

const formats = new Map();
function format(options) {
  const key = `${language()} ${site ?? new Date().getTimezoneOffset()} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language(), { timeZone: site, ...options }));
  return formats.get(key);
}

/** The time zone of the site or of who looks, as it is then. */
export const zone = (ms = now()) => format({ timeZoneName: "short" }).formatToParts(ms).find(({ type }) => type === "timeZoneName").value;

/** On the day on which clocks are set back an hour comes twice; which of both it is. */
function which(ms) {
  return behind(ms + 3600e3) > behind(ms) || behind(ms) > behind(ms - 3600e3) ? ` ${zone(ms)}` : "";
}

function day(ms, more = {}) {
  const year = local(ms).getUTCFullYear() === local(now()).getUTCFullYear() ? {} : { year: "numeric" };
  return format({ month: "short", day: "numeric", ...year, ...more }).format(ms).replace(",", "");
}

function time_of_day(ms, seconds) {
  return local(ms).toISOString().slice(11, seconds ? 19 : 16);
}

/** Line time: 7265 s is "2:01:05". */
export function line_clock(s, seconds = true) {
  if (s == null || !isFinite(s)) return "–";
  const whole = Math.max(0, Math.floor(s));
  const text = `${Math.floor(whole / 3600)}:${pad(Math.floor(whole / 60) % 60)}`;
  return seconds ? `${text}:${pad(whole % 60)}` : text;
}

/** When it is: "14:05", with its day when that is another than that of `known_s`, or than today; in line time where no other is known. */
export function clock(s, seconds = true, known_s = null) {
  if (zero_ms == null || s == null || !isFinite(s)) return line_clock(s, seconds);
  const ms = zero_ms + 1000 * s;
  const same = same_day(ms, known_s == null ? now() : zero_ms + 1000 * known_s);
  return `${same ? "" : `${day(ms, { weekday: "short" })} `}${time_of_day(ms, seconds)}${which(ms)}`;
}

/** From one moment to another, on one day or on two; an empty range is its moment. */
export function between(from_s, until_s, seconds = true) {
  const from = clock(from_s, seconds);
  return clock(until_s, seconds) === from ? from : `${from} – ${clock(until_s, seconds, from_s)}`;
}

/** What `clock` does not tell: line time, where it tells another. */
export const beside_clock = (s) => (zero_ms == null || s == null || !isFinite(s) ? undefined : `${t("Line time")} ${line_clock(s)}`);

/** Marks of an axis of line time, each `step` seconds, where a clock shows round figures. */
export function ticks(from_s, until_s, step) {
  const shift = zero_ms == null ? 0 : zero_ms / 1000 - 60 * behind(zero_ms + 1000 * from_s);
  const marks = [];
  for (let s = Math.ceil((from_s + shift) / step) * step - shift; s <= until_s; s += step) marks.push(s);
  return marks;
}

/** What stands at a mark of an axis: the hour; at midnight, and at the first when that is not today, the day. */
export function tick(s, i) {
  if (zero_ms == null) return line_clock(s, false);
  const ms = zero_ms + 1000 * s;
  const time = time_of_day(ms, false);
  if (time === "00:00") return day(ms);
  return i === 0 && !same_day(ms, now()) ? `${day(ms)} ${time}` : time;
}

/** A length of time: "45 s", "12 min", "2 h", "1 h 05 min". */
export function lasting(s) {
  if (s == null || !isFinite(s)) return "–";
  const [second, minute, hour] = is_chinese() ? ["秒", "分钟", "小时"] : ["s", "min", "h"];
  const sign = Math.round(s) < 0 ? "−" : "";
  if (Math.abs(s) < 90) return `${sign}${Math.round(Math.abs(s))} ${second}`;
  const min = Math.round(Math.abs(s) / 60);
  if (min < 60) return `${sign}${min} ${minute}`;
  return `${sign}${Math.floor(min / 60)} ${hour}${min % 60 === 0 ? "" : ` ${pad(min % 60)} ${minute}`}`;
}

export function percent(share) {
  return share == null ? "–" : `${Math.round(100 * share)} %`;
}

export function number(value, digits) {
  if (value == null || !isFinite(value)) return "–";
  const places = digits ?? (Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
  const text = new Intl.NumberFormat(language(), { maximumFractionDigits: places, minimumFractionDigits: places }).format(value);
  return text.replace("-", "−");
}

/** A measure with its unit: seconds become hours and minutes. */
export function measure(value, unit) {
  if (value == null) return "–";
  if (unit === "s") return lasting(value);
  if (unit === "%") return `${number(100 * value, 0)} %`;
  return number(value, Math.abs(value) < 10 && value !== Math.round(value) ? 2 : 1);
}

/** A unit as it is written by hand; files keep to letters. */
export const unit_of = (unit) => ({ degC: "°C", degF: "°F", m3_h: "m³/h", m3: "m³", um: "µm" })[unit] ?? unit;

/** The overall equipment effectiveness is a share; all else is told in its own unit. */
export const unit_in = (name, unit) => (name === "oee" ? "%" : unit);

/** Whether a measure says anything: not where nothing of it is made, used or done in any future. */
export const says = (...intervals) => intervals.some((one) => one && (one.low !== 0 || one.high !== 0));

/** The unit behind a measure's name, where the name does not say it already. */
export const unit_beside = (name, unit) => (unit === "s" || !unit || name.includes(unit) || name === "good" || name === "breakdowns" ? "" : t(unit));

export const measure_name = (name) => t(name === "good" ? "Good parts" : name);

/** Wall clock in the zone of the site or of who looks, which the page names once. */
export function wall(ms) {
  return format({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(ms) + which(ms);
}

/** "filler/bearing-wear" as people say it. */
export function subject(id) {
  const [machine, what] = String(id).split("/");
  return what ? `${machine === "plc" ? "PLC" : machine} · ${t(what)}` : t(machine);
}

const with_reason = ["refused", "failed", "reason", "not-wanted", "lost", "settled", "recovered"];

/** What happened, in the language of the page: the plugin itself speaks English, and of line time. */
export function told({ text: said, ...about }) {
  const text = said?.replace(/(?<=the line's state at )(\d+):(\d\d):(\d\d)/, (_, h, m, s) => clock(3600 * h + 60 * m + 1 * s));
  const note = { ...about, text };
  if (!is_chinese()) return note.text;
  const who = note.subject ? subject(note.subject) : "";
  if (note.event === "link") return note.what === "connected" ? `${who} 已应答` : `${who} 失联：${spoken(note.text)}`;
  if (note.event === "alarm")
    return `${who} ${t(note.what)}${note.what === "raised" && note.probability > 0 && note.probability < 1 ? `（${percent(note.probability)}）` : ""}`;
  if (!["plan", "deploy", "write"].includes(note.event)) return spoken(note.text);
  const number = /proposal (\d+)/.exec(note.subject ?? "")?.[1];
  const reason = note.said ? reason_of({ said: note.said }) : spoken(note.text);
  if (!with_reason.includes(note.what) && !note.said && reason !== note.text) return reason;
  return `${number ? t("Proposal {n}", { n: number }) : note.event === "write" ? note.subject : t(note.event)} ${t(note.what)}${with_reason.includes(note.what) ? `：${reason}` : ""}`;
}

/** P(fault within s), linear between the stated horizons. */
export function within(probabilities, horizons, s) {
  let before = 0;
  let before_s = 0;
  for (let i = 0; i < horizons.length; ++i) {
    if (s <= horizons[i]) return before + ((probabilities[i] - before) * (s - before_s)) / (horizons[i] - before_s);
    before = probabilities[i];
    before_s = horizons[i];
  }
  return before;
}

/** Seconds by which the fault has come with this probability, or null beyond the horizons. */
export function quantile(probabilities, horizons, share) {
  let before = 0;
  let before_s = 0;
  for (let i = 0; i < horizons.length; ++i) {
    const p = probabilities[i];
    if (p >= share) return p === before ? horizons[i] : before_s + ((horizons[i] - before_s) * (share - before)) / (p - before);
    before = p;
    before_s = horizons[i];
  }
  return null;
}

/** Forecasts worth a look, most pressing first. */
export function forecasts_of(line, state, least) {
  const found = [];
  for (const forecast of state?.forecasts ?? []) {
    if (!forecast.available) continue;
    const machine = line.machines.find((m) => m.name === forecast.machine);
    for (const kind of forecast.kinds) {
      if (!machine?.faults.some((fault) => fault.kind === kind.kind && fault.warns)) continue;
      const p = within(kind.within, line.horizons_s, line.rules.horizon_s);
      if (p < least) continue;
      const last = kind.within[kind.within.length - 1];
      // Quantiles of the time, given that it comes within the horizons at all.
      const q = (share) => quantile(kind.within, line.horizons_s, share * last);
      found.push({ machine: forecast.machine, kind: kind.kind, id: `${forecast.machine}/${kind.kind}`, p, last,
        at_s: forecast.at_s, q10: q(0.1), q50: q(0.5), q90: q(0.9), median: quantile(kind.within, line.horizons_s, 0.5) });
    }
  }
  return found.sort((a, b) => b.p - a.p);
}
