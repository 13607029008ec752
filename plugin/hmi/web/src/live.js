// SPDX-License-Identifier: Apache-2.0
// What the server has said, and how long ago. Nothing here is believed once it is old.
import { useEffect, useState } from "preact/hooks";
import { kept_as } from "./reasons.js";
import { spoken } from "./said.js";
import { t } from "./text.js";

// What is older is marked, before it is 3 s old: the server speaks at least once a second, the PLC as it is polled.
const plugin_silent_ms = 2000;
const plc_silent_s = () => Math.max(2.5, (live.line?.rules.poll_s ?? 1) + 1.5);
const look_every_ms = 250;
const ask_again_ms = 8000;
const notes_max = 400;

export const live = { line: null, state: null, session: null, notes: [], heard: 0, opened: false };
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
    if (failure.status === 401) refreshSession();
    throw failure;
  }
}

export async function refreshSession() {
  try {
    live.session = await get("/api/session");
  } catch {
    live.session = null;
  }
  changed();
}

export const may = (act) => live.session?.may?.includes(act) ?? false;

async function begin() {
  try {
    await refreshSession();
    live.line = await get("/api/line");
    live.notes = await get("/api/notes");
    changed();
  } catch {
    setTimeout(begin, 1000);
    return;
  }
  if (live.opened) return;
  live.opened = true;
  let source = null;
  let asked = 0;
  const open = () => {
    source?.close();
    asked = performance.now();
    source = new EventSource("/api/stream");
    source.addEventListener("state", (message) => {
      live.state = JSON.parse(message.data);
      live.heard = performance.now();
      changed();
    });
    source.addEventListener("note", (message) => {
      const note = JSON.parse(message.data);
      if (live.notes.some((known) => known.number === note.number && known.at_s === note.at_s)) return;
      live.notes = [...live.notes, note].slice(-notes_max);
    });
    source.onerror = () => {
      // The browser tries again by itself unless the server said no; then we do.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    };
  };
  open();
  let was = "";
  setInterval(() => {
    const is = freshness();
    if (is !== "live" || is !== was) changed(); // the age goes on
    was = is;
    // A connection that a cut has left behind never says that it is dead.
    if (performance.now() - Math.max(asked, live.heard) > ask_again_ms) open();
  }, look_every_ms);
}

begin();
