// SPDX-License-Identifier: Apache-2.0
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { Alarms } from "./alarms.jsx";
import { Audit } from "./audit.jsx";
import { by_wall_clock, lasting, number, zone } from "./format.js";
import { barred, freshness, leaving, live, post, refreshSession, useLive } from "./live.js";
import { Machine } from "./machine.jsx";
import { Overview } from "./overview.jsx";
import { Dialog, Mark, Moment, Trouble, aged, aged_alarm, level_of, needs_acknowledgement, priorities, read_ago, useAct } from "./parts.jsx";
import { Plan } from "./plan.jsx";
import { Data } from "./data.jsx";
import { Scenarios } from "./scenarios.jsx";
import { choose, is_chinese, t } from "./text.js";

const pages = [
  ["overview", "Overview", Overview],
  ["machine", "Machine", Machine],
  ["alarms", "Alarms", Alarms],
  ["plan", "Plan", Plan],
  ["scenarios", "Scenarios", Scenarios],
  ["data", "Data", Data],
  ["audit", "Audit", Audit],
];

const wall_clock_pages = new Set(["alarms", "data", "audit"]);

function usePlace() {
  const read = () => location.hash.replace(/^#\/?/, "").split("?")[0].split("/").map(decodeURIComponent);
  const [place, setPlace] = useState(read);
  useEffect(() => {
    const follow = () => setPlace(read());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return place;
}

function SignIn({ onDone }) {
  const { busy, error, act } = useAct();
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const told = await act(() => post("/api/sign-in", { name: form.get("name"), password: form.get("password") }));
    if (told) {
      await refreshSession();
      onDone();
    }
  };
  return (
    <Dialog title={t("Sign in")} onClose={onDone}>
      <form onSubmit={submit}>
        <label>{t("Name")} <input name="name" autocomplete="username" required maxLength="32" autoFocus /></label>
        <label>{t("Password")} <input name="password" type="password" autocomplete="current-password" required maxLength="128" /></label>
        <Trouble text={error} />
        <footer><button disabled={busy} class="act">{t("Sign in")}</button></footer>
      </form>
    </Dialog>
  );
}

function Who() {
  const [signing, setSigning] = useState(false);
  const session = live.session;
  if (session?.user)
    return (
      <span class="who"><b>{session.user}</b> <span class="quiet">{t(session.role)}</span>{" "}
        <button type="button" onClick={async () => { await post("/api/sign-out", {}).catch(() => {}); refreshSession(); }}>{t("Sign out")}</button></span>
    );
  return (
    <span class="who">
      <span class="quiet" title={session?.accounts ? "" : t("These pages are read-only until accounts are configured.")}>{t("read-only")}</span>{" "}
      {session?.accounts && <button type="button" onClick={() => setSigning(true)}>{t("Sign in")}</button>}
      {signing && <SignIn onDone={() => setSigning(false)} />}
    </span>
  );
}

/** Before a session ends by itself. Any key or click keeps it, the one that closes this too. */
function Leaving() {
  const [closed, setClosed] = useState(null);
  const { left_s, last } = leaving() ?? {};
  if (left_s == null || closed === live.session.token) return null;
  return (
    <Dialog class="leaving" title={t("You will be signed out")} onClose={() => last && setClosed(live.session.token)}>
      <p>{last ? t("Every session ends after some hours. Sign in again to go on.") : t("Nobody has acted for a while. Any key or click keeps you signed in.")}</p>
      <p class="big" role="timer">{lasting(Math.ceil(left_s))}</p>
      {!last && <footer><button type="button" class="act">{t("Stay signed in")}</button></footer>}
    </Dialog>
  );
}

function Banner() {
  const state = freshness();
  if (state === "live") return null;
  return (
    <div class="banner" role="alert">
      <Mark level="high" label="" /> <b>{state === "plugin" ? t("The plugin does not answer. Nothing below is live.") : t("The PLC does not answer. Values are the last known.")}</b>{" "}
      <span>{read_ago()}</span>
    </div>
  );
}

function App() {
  useLive();
  const [, again] = useState(0);
  const [page, ...rest] = usePlace();
  const [, title, Page] = pages.find(([name]) => name === page) ?? pages[0];
  const current = pages.find(([name]) => name === page)?.[0] ?? "overview";
  const { line, state } = live;
  const fresh = freshness();
  const out = barred();
  useEffect(() => {
    document.title = `${t(title)} · ${line?.name ?? "Foreline"}`;
  });
  // Another page begins at its top for a keyboard; the first one begins where every document does.
  const shown = useRef(current);
  useEffect(() => {
    if (shown.current !== current) {
      scrollTo(0, 0);
      document.querySelector("main")?.focus({ preventScroll: true });
    }
    shown.current = current;
  }, [current]);
  const waiting = state?.alarms?.filter(needs_acknowledgement) ?? [];
  const foremost = priorities.find((priority) => waiting.some((alarm) => level_of(alarm) === priority)) ?? "forecast";
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.querySelector("main").focus(); }}>{t("Skip to the page")}</a>
      <div class="over">
        <header class="top">
          <span class="title"><img src="/icon.svg" alt="" /> <b>{line?.name ?? "Foreline"}</b></span>
          <nav aria-label={t("Pages")}>
            {pages.map(([name, text]) => (
              <a key={name} href={`#/${name}`} aria-current={name === current ? "page" : undefined}>{t(text)}{name === "alarms" && waiting.length > 0 && <span class={`count ${waiting.some(aged_alarm) ? "old" : ""}`}><Mark level={foremost} label={t("unacknowledged")} />{waiting.length}</span>}{name === "plan" && state?.proposal?.state === "proposed" && <span class={`count ${aged()}`}><Mark level="forecast" label={t("proposed")} /></span>}</a>
            ))}
          </nav>
          {!out && <span class={`link ${fresh}`} role="status">{fresh === "live" ? <><span aria-hidden="true">●</span> {t("live")}</> : <><Mark level="high" label="" /> {fresh === "plc" ? t("PLC lost") : t("plugin lost")}</>}</span>}
          <span class="clock">{!by_wall_clock() && <><span class="quiet">{t("Line time")}</span>{" "}</>}<span class={fresh === "live" ? "" : "stale"}><Moment s={state?.line_time_s} /></span>{by_wall_clock() && <> <span class="quiet">{zone()}</span></>}{fresh === "live" && state?.pace > 1.5 && <span class="quiet"> {t("{n} × real time", { n: number(state.pace, 0) })}</span>}</span>
          <label class="language"><span class="sr">{t("Language")}</span>
            <select value={is_chinese() ? "zh" : "en"} onChange={(e) => { choose(e.target.value); again((n) => n + 1); }}><option value="en">English</option><option value="zh">中文</option></select></label>
          <Who />
        </header>
        {!out && <Banner />}
      </div>
      <Leaving />
      <main id="main" tabIndex="-1">
        <h1 class="sr">{t(title)}</h1>
        {out ? <p class="calm">{t("Sign in to look at this line.")}</p>
          : line && state?.machines ? <Page name={rest[0]} /> : <p class="calm">{t("Loading")}…</p>}
        {!by_wall_clock() && wall_clock_pages.has(current) && <p class="quiet">{t("Times of day are those of {zone}.", { zone: zone() })}</p>}
      </main>
    </>
  );
}

render(<App />, document.getElementById("app"));
