// SPDX-License-Identifier: Apache-2.0
// Another sequence drawn by mean times, before it is simulated.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

const { begins_at, in_pieces, place_at, sketched, turns, with_edits } = await import(join(process.env.TREE, "plugin/hmi/web/src/sketch.js"));
const bar = (machine, what, order, from_s, until_s) => ({ machine, what, order, from_s, until_s });
const machines = [{ name: "filler", column: 0, after: [] }, { name: "packer", column: 1, after: [0] }];
const orders = [{ id: "A", product: "a" }, { id: "B", product: "b" }, { id: "C", product: "b" }];
// A runs; B and C follow, each 1000 s on the filler and 800 s on the packer, which lags 50 s.
const bars = [
  bar("filler", "work", "A", 0, 1000), bar("packer", "work", "A", 50, 1050),
  bar("filler", "changeover", "B", 1000, 1200), bar("filler", "work", "B", 1200, 2200), bar("packer", "work", "B", 1250, 2250),
  bar("filler", "work", "C", 2200, 3200), bar("packer", "work", "C", 2300, 3250), bar("packer", "service", undefined, 3300, 3600),
];
const drawn = (sequence, fixed = ["A"]) => Object.fromEntries(sketched(bars, sequence, fixed, machines, orders, 500).filter((one) => one.what === "work").map((one) => [`${one.machine} ${one.order}`, [one.from_s, one.until_s]]));

test("the sequence as it is stays where it is, but for what is waited for", () => {
  const as_it_is = drawn(["A", "B", "C"]);
  assert.deepEqual(as_it_is["filler B"], [1200, 2200]);
  assert.deepEqual(as_it_is["filler C"], [2200, 3200]);
});

test("what moves follows the one before, behind a changeover where the product changes, and no machine does two things", () => {
  const other = drawn(["A", "C", "B"]);
  assert.deepEqual(other["filler A"], [0, 1000]); // it runs
  assert.deepEqual(other["filler C"], [1200, 2200]);
  assert.deepEqual(other["filler B"], [2200, 3200]); // the same product
  assert.ok(other["packer C"][0] >= other["filler C"][0] + 50 && other["packer C"][1] >= other["filler C"][1]);
  assert.ok(other["packer B"][0] >= other["packer C"][1]);
  assert.equal(sketched(bars, ["A", "C", "B"], ["A"], machines, orders, 500).filter((one) => one.what === "service").length, 1);
});

test("work in several bars is taken hold of as one", () => {
  const pieces = in_pieces([bar("filler", "work", "A", 0, 100), bar("filler", "repair", undefined, 100, 200), bar("filler", "work", "A", 200, 300), bar("packer", "work", "A", 0, 50)]);
  assert.deepEqual(pieces.map((one) => [one.machine, one.what, one.from_s, one.until_s]), [["filler", "repair", 100, 200], ["filler", "work", 0, 300], ["packer", "work", 0, 50]]);
});

test("services and faults of an edit are drawn where they are put, and those that run already where they were simulated", () => {
  const takes = machines.map((machine) => ({ ...machine, service_s: 600 }));
  const running = [{ machine: "packer", at_s: 3260 }, { machine: "filler", at_s: 100 }]; // the second is over
  const own = (services, faults = []) => with_edits(bars, services, running, faults, takes, 900).filter((one) => one.what === "service" || one.what === "repair").map(({ machine, what, from_s, until_s, item }) => [item, machine, what, from_s, until_s]);
  assert.deepEqual(own(running), [["services 0", "packer", "service", 3300, 3600]]);
  assert.deepEqual(own([{ machine: "packer", at_s: 2000 }]), [["services 0", "packer", "service", 2000, 2600]]);
  assert.deepEqual(own([{ machine: "filler", before_order: "B" }]), [["services 0", "filler", "service", 400, 1000]]);
  assert.deepEqual(own([], [{ machine: "filler", kind: "jam", in_s: 60, repair_s: 300 }]), [["faults 0", "filler", "repair", 960, 1260]]);
});

test("an order is dropped before those that are not drawn yet, and behind those that have left the machine", () => {
  const others = (order) => turns(bars, ["Z", "A", "B", "C", "Y", "X"], "filler", order); // Z is done; Y and X come after what is drawn
  assert.equal(place_at(others("A"), 5000), 3);
  assert.equal(begins_at(others("A"), 3), 3200);
  assert.equal(place_at(others("C"), 900), 2);
  assert.equal(begins_at(others("C"), 2), 1000);
  assert.equal(place_at(others("A"), 0), 1);
  assert.equal(begins_at(others("A"), 0), null);
  assert.equal(begins_at(turns(bars, ["A", "B"], "filler", "B"), 0), 0);
});
