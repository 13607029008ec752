// SPDX-License-Identifier: Apache-2.0
// What the server has said, and how long ago. Nothing here is believed once it is old.
import { useEffect, useState } from "preact/hooks";
import { set_line_clock, set_site_zone } from "./format.js";
import { kept_as } from "./reasons.js";
import { spoken } from "./said.js";
import { t } from "./text.js";

// What is older is marked, before it is 3 s old: the server speaks at least once a second, the PLC as it is polled.
const plugin_silent_ms = 2000;
const plc_silent_s = () => Math.max(2.5, (live.line?.rules.poll_s ?? 1) + 1.5);
const look_every_ms = 250;
const ask_again_ms = 8000;
const notes_max = 400;

export const live = { line: null, state: null, session: null, notes: [], heard: 0 };
const listeners = new Set();
const changed = () => listeners.forEach((listener) => listener());

/** Renders again with every message, and when there is none. */
export function useLive() {
  const [, count] = useState(0);
  useEffect(() => {
    const listener = () => count((n) => n + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return live;
}

/** "live", "plc" (the plugin answers, the PLC does not) or "plugin" (nothing answers). */
export function freshness() {
  const since_ms = performance.now() - live.heard;
  if (!live.state || since_ms > plugin_silent_ms) return "plugin";
  const { connected, age_s } = live.state;
  return connected && !(age_s + since_ms / 1000 > plc_silent_s()) ? "live" : "plc";
}

/** Seconds since the values on the screen were read from the PLC. */
export function age_s() {
  if (!live.state || live.state.age_s == null) return null;
  return live.state.age_s + (performance.now() - live.heard) / 1000;
}

const sentences = new Set(["error", "why_not", "model"]);

/** Asks the server; sentences for people come back in the language of the page. */
async function ask(path, options) {
  const answer = await fetch(path, options).catch(() => { throw new Error(t("The plugin does not answer.")); });
  const body = JSON.parse(await answer.text(), (key, value) => (sentences.has(key) && typeof value === "string" ? spoken(value) : value));
  if (answer.ok) return body;
  throw Object.assign(new Error(body.error ?? answer.statusText), { status: answer.status });
}

export const get = (path) => ask(path, { headers: { Accept: "application/json" } });

export async function post(path, body) {
  try {
    return await ask(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Foreline-Token": live.session?.token ?? "" },
      body: JSON.stringify(body.reason == null ? body : { ...body, reason: kept_as(body.reason) }),
    });
  } catch (failure) {
    if (failure.status === 401 || failure.status === 403) refreshSession();
    throw failure;
  }
}

/** What the server said of the session, and when. Who looks at all only when signed in sees nothing afterwards. */
function take(session) {
  const now = performance.now();
  const another = live.session && session.user !== live.session.user;
  live.session = { ...session, asked_ms: now, ends_ms: now + 1000 * session.ends_in_s, last: session.ends_at_last_in_s - session.ends_in_s < 1 };
  if (barred()) forget();
  else if (another && source) listen(); // the stream is his who opened it
  changed();
}

export async function refreshSession() {
  try {
    take(await get("/api/session"));
  } catch {
    changed();
  }
}

export const may = (act) => live.session?.may?.includes(act) ?? false;

/** Whether these pages are shown to those only who have signed in, and nobody has. */
export const barred = () => live.session != null && !live.session.open_to_view && !live.session.user;

/** How long until the session ends when nobody acts, and whether it ends even so; null while that is far. */
export function leaving() {
  const { user, asked_ms, ends_ms, warn_s, last } = live.session ?? {};
  const left_s = (ends_ms - performance.now()) / 1000;
  // Another window may have kept it: the server is asked first.
  return user && left_s < warn_s && asked_ms >= ends_ms - 1000 * warn_s ? { left_s: Math.max(0, left_s), last } : null;
}

let stayed_ms = -Infinity;

/** A person is here. What the pages ask for by themselves says nothing of that. */
function here({ isTrusted }) {
  if (!isTrusted || !live.session?.user) return;
  const now = performance.now();
  if (now - stayed_ms < (leaving() ? 500 : 500 * live.session.warn_s)) return;
  stayed_ms = now;
  post("/api/stay", {}).then(take, () => {});
}

/** Before the session ends, and when it has, the server is asked again. */
async function watch_session() {
  const { user, asked_ms, ends_ms, warn_s } = live.session ?? {};
  const now = performance.now();
  if (!user || now < ends_ms - 1000 * warn_s || now - asked_ms < 2000) return;
  live.session.asked_ms = now;
  await refreshSession();
  if (live.session.user && live.session.ends_ms < performance.now()) take({ ...live.session, user: null, role: null, token: null, may: [] });
}

let source = null;
let opened_ms = 0;

function listen() {
  source?.close();
  opened_ms = performance.now();
  source = new EventSource("/api/stream");
  source.addEventListener("state", (message) => {
    live.state = JSON.parse(message.data);
    set_line_clock(live.state.zero_ms);
    live.heard = performance.now();
    changed();
  });
  source.addEventListener("note", (message) => {
    const note = JSON.parse(message.data);
    if (live.notes.some((known) => known.number === note.number && known.at_s === note.at_s)) return;
    live.notes = [...live.notes, note].slice(-notes_max);
  });
  source.addEventListener("signed-out", refreshSession);
  source.onopen = refreshSession;
  source.onerror = () => {
    // The browser tries again by itself unless the server said no; then we do.
    if (source.readyState === EventSource.CLOSED) setTimeout(begin, 2000);
    else refreshSession();
  };
}

function forget() {
  if (!source) return;
  source.close();
  source = null;
  Object.assign(live, { line: null, state: null, notes: [] });
  begin();
}

/** Until the server lets us look. */
async function begin() {
  await refreshSession();
  try {
    live.line = await get("/api/line");
    set_site_zone(live.line.time_zone);
    live.notes = await get("/api/notes");
  } catch {
    setTimeout(begin, 1000);
    return;
  }
  listen();
  changed();
}

let was = "";
setInterval(() => {
  watch_session();
  const is = freshness();
  if (is !== "live" || is !== was || leaving()) changed(); // the age goes on
  was = is;
  // A connection that a cut has left behind never says that it is dead.
  if (source && performance.now() - Math.max(opened_ms, live.heard) > ask_again_ms) listen();
}, look_every_ms);
for (const act of ["pointerdown", "keydown", "wheel", "click"]) addEventListener(act, here, { capture: true, passive: true });

begin();
