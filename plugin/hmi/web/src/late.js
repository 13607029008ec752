// SPDX-License-Identifier: Apache-2.0
// Why an order is late in one simulated future: what its time went to, from its bars and those of others.
const least_s = 60;

const overlap = (bar, from, until) => Math.max(0, Math.min(bar.until_s, until) - Math.max(bar.from_s, from));

/** Orders that are finished after they are due: by how much, and the greatest causes, greatest first. */
export function late_orders(bars, orders, now_s) {
  return orders.flatMap((order) => {
    const own = bars.filter((bar) => bar.order === order.id && bar.what === "work");
    if (order.due_s == null || own.length === 0) return [];
    const begins = own.reduce((first, bar) => (bar.from_s < first.from_s ? bar : first));
    const ends_s = Math.max(...own.map((bar) => bar.until_s));
    if (ends_s - order.due_s < least_s) return [];
    const from_s = Math.max(now_s ?? 0, order.release_s ?? 0);
    const causes = new Map();
    const add = (what, s, more) => {
      const known = causes.get(what) ?? { what: more.what, machine: more.machine, orders: more.orders, s: 0 };
      known.s += s;
      causes.set(what, known);
    };
    for (const bar of bars)
      if (["repair", "service", "waiting-for-crew"].includes(bar.what)) add(`${bar.machine} ${bar.what}`, overlap(bar, from_s, ends_s), { what: bar.what, machine: bar.machine });
    // On the machine where it begins: others first, and changing over.
    const before = bars.filter((bar) => bar.machine === begins.machine && bar.order !== order.id);
    const ahead = before.filter((bar) => bar.what === "work" && overlap(bar, from_s, begins.from_s) > 0);
    add("behind", ahead.reduce((sum, bar) => sum + overlap(bar, from_s, begins.from_s), 0), { what: "behind", machine: begins.machine, orders: [...new Set(ahead.map((bar) => bar.order))] });
    add("changeover", bars.filter((bar) => bar.machine === begins.machine && bar.what === "changeover").reduce((sum, bar) => sum + overlap(bar, from_s, ends_s), 0), { what: "changeover", machine: begins.machine });
    if (order.release_s > (now_s ?? 0) && order.release_s + (ends_s - begins.from_s) > order.due_s) add("release", order.release_s - (now_s ?? 0), { what: "released too late" });
    const found = [...causes.values()].filter((cause) => cause.s >= least_s).sort((a, b) => b.s - a.s).slice(0, 3);
    return [{ order: order.id, late_s: ends_s - order.due_s, causes: found }];
  });
}
