// SPDX-License-Identifier: Apache-2.0
// Why an order is late, from the bars of one future.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

const { late_orders } = await import(join(process.env.TREE, "plugin/hmi/web/src/late.js"));
const bar = (machine, what, order, from_s, until_s) => ({ machine, what, order, from_s, until_s });
const orders = [{ id: "A", due_s: 2000, release_s: 0 }, { id: "B", due_s: 3000, release_s: 0 }, { id: "C", due_s: null, release_s: 0 }];

test("an order is late by what stood in its way, the greatest first", () => {
  const bars = [
    bar("filler", "work", "A", 0, 1800), bar("filler", "repair", undefined, 1800, 4200), bar("filler", "changeover", "B", 4200, 4500), bar("filler", "work", "B", 4500, 5000),
    bar("packer", "work", "A", 100, 1900), bar("packer", "work", "B", 4600, 5100), bar("filler", "work", "C", 5000, 9000),
  ];
  const late = late_orders(bars, orders, 600);
  assert.deepEqual(late.map((one) => one.order), ["B"]); // C has no date, A is in time
  assert.equal(late[0].late_s, 2100);
  assert.deepEqual(late[0].causes.map((cause) => [cause.what, cause.machine, cause.s]), [["repair", "filler", 2400], ["behind", "filler", 1200], ["changeover", "filler", 300]]);
  assert.deepEqual(late[0].causes[1].orders, ["A"]);
});

test("an order that is released after it could be in time says so; one without bars is not judged", () => {
  const late = late_orders([bar("filler", "work", "A", 2500, 3500)], [{ id: "A", due_s: 3000, release_s: 2500 }, { id: "B", due_s: 1 }], 0);
  assert.deepEqual(late.map((one) => one.causes.map((cause) => cause.what)), [["released too late"]]);
  assert.deepEqual(late_orders([], orders, 0), []);
});
