// SPDX-License-Identifier: Apache-2.0
// What the server has said, and how long ago. Nothing here is believed once it is old.
import { useEffect, useState } from "preact/hooks";

const plugin_silent_ms = 2500; // the server speaks at least once a second
const plc_silent_s = 3;
const notes_max = 400;

export const live = { line: null, state: null, session: null, notes: [], heard: 0, opened: false };
const listeners = new Set();
const changed = () => listeners.forEach((listener) => listener());

/** Renders again with every message, and twice a second to notice silence. */
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
  if (!live.state || performance.now() - live.heard > plugin_silent_ms) return "plugin";
  const { connected, age_s } = live.state;
  return connected && !(age_s > plc_silent_s) ? "live" : "plc";
}

/** Seconds since the values on the screen were read from the PLC. */
export function age_s() {
  if (!live.state || live.state.age_s == null) return null;
  return live.state.age_s + (performance.now() - live.heard) / 1000;
}

export async function get(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Foreline-Token": live.session?.token ?? "" },
    body: JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) {
    if (answer.status === 401) refreshSession();
    throw new Error(told.error ?? answer.statusText);
  }
  return told;
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
  const open = () => {
    source?.close();
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
  setInterval(() => {
    changed();
  }, 500);
}

begin();
