// SPDX-License-Identifier: Apache-2.0
import { between, clock, lasting, percent } from "./format.js";
import { Charts } from "./gantt.jsx";
import { get, live } from "./live.js";
import { Panel, Scroll, useEvery } from "./parts.jsx";
import { t } from "./text.js";

const again_every_ms = 5000;

/** The middle of a Wilson interval with the interval. */
const Likely = ({ promise }) => (promise?.on_time == null ? <>–</> : <span class="nowrap">{percent(promise.on_time)} <span class="quiet">[{percent(promise.on_time_low)}, {percent(promise.on_time_high)}]</span></span>);

/** P10 to P90; what the futures end before may come later. */
export const Between = ({ promise, until_s }) => (promise?.p10_s == null ? <>–</> : <span class="nowrap">{promise.p90_s > until_s - 60 ? `${clock(promise.p10_s, false)} – ${t("later than {t}", { t: clock(until_s, false, promise.p10_s) })}` : between(promise.p10_s, promise.p90_s, false)}</span>);

/** Orders of two schedules on the same futures: how likely each is on time, and when it leaves the line. */
export function Promises({ first, second, orders, at_s, until_s }) {
  const before = new Map(orders.first.map((promise) => [promise.order, promise]));
  const columns = [[first, (promise) => before.get(promise.order)], [second, (promise) => promise]];
  return (
    <Scroll label={t("Orders")}><table class="cards">
      <thead><tr><th scope="col">{t("Order")}</th><th scope="col" class="n">{t("due")}</th>{columns.map(([name]) => <th scope="col" key={name} class="n">{t("on time")}{t(": ")}{name}</th>)}{columns.map(([name]) => <th scope="col" key={name} class="n">{t("finish, P10 to P90")}{t(": ")}{name}</th>)}</tr></thead>
      <tbody>{orders.second.map((promise) => (
        <tr key={promise.order}><th scope="row">{promise.order}</th><td class="n" data-name={t("due")}>{clock(promise.due_s, false)}</td>
          {promise.p90_s != null && promise.p90_s <= at_s ? <td class="n quiet" colSpan="4">{t("finished")}</td> : [
            ...columns.map(([name, of]) => <td key={`on time ${name}`} class="n" data-name={`${t("on time")}${t(": ")}${name}`}><Likely promise={of(promise)} /></td>),
            ...columns.map(([name, of]) => <td key={`finish ${name}`} class="n" data-name={`${t("finish, P10 to P90")}${t(": ")}${name}`}><Between promise={of(promise)} until_s={until_s} /></td>),
          ]}</tr>
      ))}</tbody>
    </table></Scroll>
  );
}

/** What is done of the running schedule, what was expected of it when it took effect, and what is expected from here. */
export function Running() {
  const { line, state } = live;
  const running = useEvery(() => get("/api/running"), again_every_ms, []);
  if (!running || running.error) return null;
  const { bars, coming, planned } = running;
  const now_s = state.line_time_s;
  const ahead = (coming?.bars ?? []).filter((bar) => bar.until_s > now_s).map((bar) => ({ ...bar, coming: true, from_s: Math.max(bar.from_s, now_s) }));
  const spans = (coming?.spans ?? []).filter((span) => span.end_s[2] > now_s);
  const over = (i) => state.orders?.[i]?.over;
  const left = (order) => Math.max(...bars.filter((bar) => bar.order === order.id && bar.what === "work").map((bar) => bar.until_s));
  const before = new Map((planned?.orders ?? []).map((promise) => [promise.order, promise]));
  const expected = new Map((coming?.orders ?? []).map((promise) => [promise.order, promise]));
  const note = coming ? t("{n} futures from the line's state at {t}", { n: coming.futures, t: clock(coming.at_s) }) : t(running.expecting ? "being simulated" : "what comes is not simulated yet");
  return (
    <Panel title={t("What runs now")} note={note} class="running">
      <Charts label={t("What runs now")} line={line} now_s={now_s} closed={running.closed} charts={[{ name: t("What runs now"), bars: [...bars, ...ahead], spans, planned: planned?.spans }]} />
      {coming && line.orders.length > 0 && (
        <Scroll label={t("Orders")}><table class="cards">
          <thead><tr><th scope="col">{t("Order")}</th><th scope="col" class="n">{t("due")}</th><th scope="col" class="n">{t("finish as planned at {t}", { t: clock(planned?.at_s, false) })}</th><th scope="col" class="n">{t("finish, P10 to P90")}</th><th scope="col" class="n">{t("later than planned")}</th><th scope="col" class="n">{t("on time")}</th></tr></thead>
          <tbody>{line.orders.map((order, i) => {
            const [was, is] = [before.get(order.id), expected.get(order.id)];
            const ended_s = over(i) ? left(order) : null;
            const later_s = (isFinite(ended_s ?? NaN) ? ended_s : is?.p50_s) - was?.p50_s;
            return (
              <tr key={order.id}><th scope="row">{order.id}</th><td class="n" data-name={t("due")}>{clock(order.due_s, false)}</td>
                <td class="n" data-name={t("finish as planned at {t}", { t: clock(planned?.at_s, false) })}><Between promise={was} until_s={planned?.until_s} /></td>
                <td class="n" data-name={t("finish, P10 to P90")}>{over(i) ? `${t("finished")}${isFinite(ended_s) ? ` ${clock(ended_s, false)}` : ""}` : <Between promise={is} until_s={coming.until_s} />}</td>
                <td class="n" data-name={t("later than planned")}>{isFinite(later_s) ? lasting(later_s) : "–"}</td>
                <td class="n" data-name={t("on time")}>{over(i) ? "–" : <Likely promise={is} />}</td></tr>
            );
          })}</tbody>
        </table></Scroll>
      )}
    </Panel>
  );
}
