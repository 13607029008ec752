// SPDX-License-Identifier: Apache-2.0
// Small things that every page uses.
import { useEffect, useRef, useState } from "preact/hooks";
import { beside_clock, clock, lasting, told } from "./format.js";
import { age_s, freshness, live } from "./live.js";
import { offers, phrase } from "./reasons.js";
import { t } from "./text.js";

/** Colour, shape and letter of what is not normal; never colour alone. An empty label: words beside it say it. */
export function Mark({ level, label }) {
  const shapes = {
    critical: <path d="M7 1h10l6 6v10l-6 6H7l-6-6V7z" />,
    high: <path d="M2 2h20v20H2z" />,
    medium: <path d="M12 1 23 22H1z" />,
    low: <path d="M12 1 23 12 12 23 1 12z" />,
    forecast: <path d="M7 2h10l6 10-6 10H7L1 12z" />,
    bad: <path d="M3 1 12 9l9-8 2 2-8 9 8 9-2 2-9-8-9 8-2-2 8-9-8-9z" />,
  };
  const letters = { critical: "C", high: "1", medium: "2", low: "3", forecast: "F", bad: "" };
  return (
    <svg class={`mark ${level}`} viewBox="0 0 24 24" {...(label === "" ? { "aria-hidden": "true" } : { role: "img", "aria-label": label ?? t(level) })}>
      {shapes[level]}
      <text x="12" y={level === "medium" ? 20 : 17} text-anchor="middle">{letters[level]}</text>
    </svg>
  );
}

export const priorities = ["critical", "high", "medium", "low"];

/** By its configured priority; a forecast is an alert of its own. */
export function level_of(alarm) {
  if (alarm.class === "forecast") return "forecast";
  return priorities.includes(alarm.priority) ? alarm.priority : "low";
}

/** An alarm of the plugin's own stands whatever has become of the plant, as long as the plugin says so. */
export const aged_alarm = (alarm) => (freshness() === "plc" && (alarm.class === "communication" || alarm.class === "deployment") ? "" : aged());

export const needs_acknowledgement = (alarm) =>
  alarm.state === "unacknowledged" || alarm.state === "returned-unacknowledged";

/** A value with its freshness: hatched and greyed when it is not live. */
export function Fresh({ children, class: more = "" }) {
  const state = freshness();
  return <span class={`${more} ${state === "live" ? "" : "stale"}`}>{children}</span>;
}

/** The class of what the plant has said: hatched and grey when it says nothing any more. */
export const aged = () => (freshness() === "live" ? "" : "old");

/** How old what the plant has said is, when it is no more live. */
export const Age = () => (freshness() === "live" ? null : <span class="age">{read_ago()}</span>);

/** How far futures are simulated; nobody knows of how many before the first is asked for. */
export const Simulating = ({ done, all, left_s }) => (
  <span role="status">{all > 0 ? t("simulating: {done} of {all} futures", { done, all }) : t("being simulated")}{left_s != null && `${t(", ")}${t("{t} to go", { t: lasting(left_s) })}`} <progress max={all || 1} value={done} /></span>
);

/** A moment of the line; what its clock says then, where another is shown, on pointing. */
export const Moment = ({ s, seconds }) => <time title={beside_clock(s)}>{clock(s, seconds)}</time>;

export const read_ago = () => (age_s() == null || live.state?.line_time_s === 0 ? t("never read") : t("last read {age} ago", { age: lasting(age_s()) }));

/** What is in it is of the plant, unless it is `kept`: a record, a document, or a result that says of which moment it is. */
export function Panel({ title, note, children, class: more = "", id, kept }) {
  const current = kept && freshness() !== "plugin";
  return (
    <section class={`panel ${more} ${current ? "" : aged()}`} aria-label={title} id={id}>
      <header><h2>{title}</h2>{note && <span class="quiet">{note}</span>}{!current && <Age />}</header>
      {children}
    </section>
  );
}

/** What is wider than its place scrolls, by keyboard too. */
export const Scroll = ({ label, children }) => <div class="scroll" role="group" aria-label={label} tabIndex="0">{children}</div>;

export function Dialog({ title, onClose, children, wide, class: more = "" }) {
  const box = useRef();
  useEffect(() => {
    box.current.showModal();
  }, []);
  return (
    <dialog ref={box} class={`${wide ? "wide" : ""} ${more}`} aria-label={title} onClose={onClose}>
      <header><h2>{title}</h2><button type="button" class="plain" onClick={() => box.current.close()} aria-label={t("Close")}>✕</button></header>
      {children}
    </dialog>
  );
}

/** A reason in the words, and the language, of whoever gave it; a program's own in the language of the page. */
export const Reason = ({ text }) => <>{phrase(text) ?? <span lang="">{text}</span>}</>;

/** Where a reason for an act is typed, or one of the usual ones taken. */
export function WhyField({ label, act, focus }) {
  const id = `reasons-${act}`;
  const field = useRef();
  useEffect(() => {
    if (focus) field.current.focus(); // it may be below what shows of the dialog
  }, []);
  return (
    <label>{label} <input ref={field} name="reason" maxLength="200" required list={id} autocomplete="off" />
      <datalist id={id}>{offers(act).map((reason) => <option key={reason} value={reason} />)}</datalist></label>
  );
}

/** Runs an act, and keeps what went wrong to show it. */
export function useAct() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const act = async (work) => {
    setBusy(true);
    setError("");
    try {
      return await work();
    } catch (failure) {
      setError(failure.message);
      return undefined;
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, act, setError };
}

/** A whole number that is told when it is typed to its end; the page is drawn again meanwhile. */
export function Amount({ value, onChange, ...more }) {
  const [typed, setTyped] = useState(null);
  const take = ({ target }) => {
    setTyped(null);
    if (target.value !== "" && target.validity.valid) onChange(Number(target.value));
  };
  return <input type="number" {...more} value={typed ?? value} onInput={({ target }) => setTyped(target.value)} onChange={take} onBlur={() => setTyped(null)} />;
}

export const Trouble = ({ text }) => (text ? <p class="trouble" role="alert"><Mark level="medium" label="" /> {text}</p> : null);

/** Data that a page asks for again and again while it is shown. */
export function useEvery(load, period_ms, depends) {
  const [value, setValue] = useState(null);
  useEffect(() => {
    let shown = true;
    let timer;
    setValue(null);
    const again = async () => {
      try {
        const loaded = await load();
        if (shown) setValue(loaded);
      } catch (failure) {
        if (shown) setValue((known) => known ?? { error: failure.message });
      }
      if (shown && period_ms) timer = setTimeout(again, period_ms);
    };
    again();
    return () => {
      shown = false;
      clearTimeout(timer);
    };
  }, depends);
  return value;
}

/** What a person has chosen of a page, kept behind the ? of its address so that it can be sent to others. */
export function useQuery() {
  const read = () => Object.fromEntries(new URLSearchParams(location.hash.split("?")[1]));
  const [query, setQuery] = useState(read);
  useEffect(() => {
    const follow = () => setQuery(read());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const choose = (changes) => {
    const kept = Object.entries({ ...read(), ...changes }).filter(([, value]) => value);
    const text = new URLSearchParams(kept).toString();
    history.replaceState(null, "", location.hash.split("?")[0] + (text && `?${text}`));
    setQuery(Object.fromEntries(kept));
  };
  return [query, choose];
}

/** The width that an element has, and follows. */
export function useWidth() {
  const box = useRef();
  const [width, setWidth] = useState(800);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.floor(entry.contentRect.width))));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return [box, width];
}

let ruler = null;

/** A text that fits into a width of CSS pixels at so many em: without its end, or its beginning, if it must be. */
export function fitted(text, width, ems, without = "end") {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `${ems * rem()}px ${getComputedStyle(document.documentElement).fontFamily}`;
  const fits = (part) => ruler.measureText(part).width <= width;
  if (fits(text)) return text;
  const cut = (n) => (without === "end" ? `${text.slice(0, n).trimEnd()}…` : `…${text.slice(-n).trimStart()}`);
  let n = text.length - 1;
  while (n > 0 && !fits(cut(n))) --n;
  return n > 0 ? cut(n) : "";
}

/** CSS pixels of one em at the root, for drawings that must grow with the text. */
export const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

/** The reason in "bearing-wear of filler: 63 % within 2.0 h; because of vibration". */
export const told_why = (alarm) => (alarm.class === "forecast" ? alarm.why?.split("; ").slice(1).join("; ") : alarm.why);

export function Notes({ notes }) {
  if (notes.length === 0) return <p class="calm">{t("Nothing yet")}</p>;
  return (
    <ul class="notes">
      {notes.map((note) => (
        <li key={`${note.number}`}><Moment s={note.at_s} /> <span class="kind">{t(note.event)}</span> <span>{told(note)}</span></li>
      ))}
    </ul>
  );
}
