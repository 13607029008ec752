// SPDX-License-Identifier: Apache-2.0
// Words of a schedule's block that are in use have a meaning, and no others.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

const { meaning } = await import(join(process.env.TREE, "plugin/hmi/web/src/registers.js"));

const line = { orders: [{ id: "A-101" }, { id: "A-102" }], machines: [{ name: "filler" }, { name: "capper" }] };
const place = (number, held, word) => ({ what: "order at place", number, held, word, low: 0, high: 1 });
const block = (orders, services) => [
  { what: "orders in the sequence", number: 0, held: orders, word: 2, low: 2, high: 2 },
  place(1, 0, 1), place(2, 0, 0),
  { what: "services", number: 0, held: services, word: 1, low: 0, high: 16 },
  { what: "machine of service", number: 1, held: 0, word: 1, low: 0, high: 1 },
  { what: "kind of service", number: 1, held: 0, word: 1, low: 0, high: 1 },
  { what: "order of service", number: 1, held: 0, word: 65535, low: 0, high: 1 },
  { what: "not used", number: 2, held: 0, word: 0, low: 0, high: 0 },
];
const said = (list, column) => list.map((one) => meaning(list, one, column, line));

test("a staging block that was never written names no order, machine or kind", () => {
  assert.deepEqual(said(block(0, 0), "held"), Array(8).fill(null));
});

test("places in use are named, those behind them are not", () => {
  assert.deepEqual(said(block(1, 1), "held"), [null, "A-101", null, null, "filler", "at a time", "A-101", null]);
  assert.deepEqual(said(block(0, 0), "word"), [null, "A-102", "A-101", null, "capper", "before an order", "–", null]);
});

test("a block that holds what no line has is left unnamed", () => {
  const list = [{ what: "orders in the sequence", number: 0, held: 40000, low: 0, high: 2 }, place(1, 7, 0)];
  assert.equal(meaning(list, list[1], "held", line), null);
});
