// SPDX-License-Identifier: Apache-2.0
// Another sequence drawn at once, before it is simulated: each order takes on each machine as long as it did, follows the one
// before it there, and comes from the machines before as soon as it did at best. For the eye; numbers come from the simulation.

/** Bars with the work of an order on a machine in one piece, as it is taken hold of. */
export function in_pieces(bars) {
  const pieces = new Map();
  for (const bar of bars) {
    const key = `${bar.machine} ${bar.order}`;
    if (bar.what !== "work") pieces.set(pieces.size, bar);
    else if (pieces.has(key)) pieces.set(key, { ...pieces.get(key), until_s: Math.max(pieces.get(key).until_s, bar.until_s) });
    else pieces.set(key, bar);
  }
  return in_place([...pieces.values()]);
}

/** Work behind all else, by machine and order: an element that is moved in a page loses the focus. */
function in_place(bars) {
  const name = (bar) => `${bar.machine} ${bar.order}`;
  return [...bars.filter((bar) => bar.what !== "work"), ...bars.filter((bar) => bar.what === "work").sort((a, b) => (name(a) < name(b) ? -1 : 1))];
}

/** When a machine works on each of the other orders, in their sequence; what is not drawn yet comes after all that is. */
export function turns(bars, sequence, machine, order) {
  const all = sequence.filter((id) => id !== order).map((id) => bars.filter((bar) => bar.what === "work" && bar.machine === machine && bar.order === id));
  const last = all.findLastIndex((own) => own.length > 0);
  let until_s = -Infinity; // those before have left that machine
  return all.map((own, i) => {
    if (i > last) return { from_s: Infinity, until_s: Infinity };
    if (own.length === 0) return { from_s: until_s, until_s };
    until_s = Math.max(...own.map((bar) => bar.until_s));
    return { from_s: Math.min(...own.map((bar) => bar.from_s)), until_s };
  });
}

/** The place, among those turns, of what is dropped at `s`. */
export const place_at = (others, s) => others.filter((other) => (other.from_s + other.until_s) / 2 < s).length;

/** When it would begin there: it snaps to the end of the turn before, to the beginning of the next where none is. */
export function begins_at(others, place) {
  const before = others.slice(0, place).findLast((other) => isFinite(other.until_s));
  return before?.until_s ?? (isFinite(others[place]?.from_s) ? others[place].from_s : null);
}

/** Bars with those services and faults of an edit that are still to come, each named by its list and its place in it: `item`. Services that
    run already are drawn as they were simulated, others as long as they take in the mean; no other service of the running schedule is. */
export function with_edits(bars, services, running, faults, machines, now_s) {
  const others = [...bars];
  const takes_s = (service) => machines.find((machine) => machine.name === service.machine)?.service_s ?? 0;
  const planned_s = (service) => (service.before_order
    ? Math.min(...bars.filter((bar) => bar.machine === service.machine && bar.order === service.before_order).map((bar) => bar.from_s)) - takes_s(service)
    : service.at_s);
  const apart_s = (service) => (bar) => (bar.what === "service" && bar.machine === service.machine ? Math.abs(bar.from_s - planned_s(service)) : Infinity);
  const simulated = running.map((service) => {
    if (!(planned_s(service) + takes_s(service) > now_s)) return null;
    const nearest = others.map(apart_s(service)).reduce((best, apart, i, all) => (apart < (all[best] ?? Infinity) ? i : best), -1);
    return nearest < 0 ? null : others.splice(nearest, 1)[0];
  });
  const same = (one, other) => one.machine === other.machine && one.at_s === other.at_s && one.before_order === other.before_order;
  const own = [
    ...services.map((service, i) => {
      const from_s = planned_s(service);
      const known = simulated[running.findIndex((one) => same(one, service))];
      return { machine: service.machine, what: "service", from_s, until_s: from_s + takes_s(service), ...known, item: `services ${i}` };
    }),
    ...faults.map((fault, i) => ({ machine: fault.machine, what: "repair", kind: fault.kind, from_s: now_s + fault.in_s, until_s: now_s + fault.in_s + fault.repair_s, item: `faults ${i}` })),
  ];
  return [...others, ...own.filter((bar) => isFinite(bar.from_s) && bar.until_s > now_s)];
}

/** Work bars with `sequence` behind the `fixed` orders that stay; all else of them (changeovers, services) as far as it stays. */
export function sketched(bars, sequence, fixed, machines, orders, now_s) {
  const work = new Map();
  for (const bar of bars) {
    if (bar.what !== "work") continue;
    const key = `${bar.machine} ${bar.order}`;
    const known = work.get(key) ?? { from_s: Infinity, until_s: -Infinity, took_s: 0 };
    work.set(key, { from_s: Math.min(known.from_s, bar.from_s), until_s: Math.max(known.until_s, bar.until_s), took_s: known.took_s + bar.until_s - bar.from_s });
  }
  const of = (machine, order) => work.get(`${machine.name} ${order}`);
  const movable = sequence.filter((order) => !fixed.includes(order));
  const product = new Map(orders.map((order) => [order.id, order.product]));
  const released = new Map(orders.map((order) => [order.id, order.release_s ?? 0]));
  const least = (values) => Math.max(0, Math.min(...values.filter(isFinite), Infinity));
  const kept = bars.filter((bar) => bar.what !== "work" && bar.what !== "changeover" || fixed.includes(bar.order));
  const rows = machines.map((machine) => {
    const turns = bars.filter((bar) => bar.machine === machine.name && bar.what === "changeover").map((bar) => bar.until_s - bar.from_s);
    const last = fixed.filter((order) => of(machine, order)).at(-1);
    return { machine, change_s: turns.length ? turns.reduce((a, b) => a + b) / turns.length : 0, free_s: Math.max(now_s, ...fixed.map((order) => of(machine, order)?.until_s ?? now_s)), product: product.get(last) };
  });
  const lag_s = machines.map((machine) => machine.after.map((input) => {
    const gap = least(sequence.map((order) => (of(machine, order) && of(machines[input], order) ? of(machine, order).from_s - of(machines[input], order).from_s : NaN)));
    return isFinite(gap) ? gap : 0;
  }));
  const out = [];
  for (const order of movable) {
    const done = new Map();
    for (const m of machines.map((_, i) => i).sort((a, b) => machines[a].column - machines[b].column)) {
      const took = of(machines[m], order);
      if (!took) continue;
      const row = rows[m];
      const changed = row.product != null && row.product !== product.get(order) ? row.change_s : 0;
      const inputs = machines[m].after.map((input, i) => done.get(input) && { from_s: done.get(input).from_s + lag_s[m][i], until_s: done.get(input).until_s }).filter(Boolean);
      const from_s = Math.max(row.free_s + changed, released.get(order) ?? 0, ...inputs.map((input) => input.from_s));
      const until_s = Math.max(from_s + took.took_s, ...inputs.map((input) => input.until_s));
      if (changed) out.push({ machine: machines[m].name, what: "changeover", order, from_s: from_s - changed, until_s: from_s });
      out.push({ machine: machines[m].name, what: "work", order, from_s, until_s });
      done.set(m, { from_s, until_s });
      Object.assign(row, { free_s: until_s, product: product.get(order) });
    }
  }
  return in_place([...kept, ...bars.filter((bar) => bar.what === "work" && fixed.includes(bar.order)), ...out]);
}
