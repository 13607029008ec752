// SPDX-License-Identifier: Apache-2.0
// What the gate and planning say, on Chinese pages.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const source = join(process.env.TREE, "plugin/hmi/web/src");
const { choose, is_known } = await import(join(source, "text.js"));
const { finding, reason_of, shapes, spoken } = await import(join(source, "said.js"));

test("every shape of planning, and every text of the pages, has its Chinese", () => {
  assert.deepEqual(shapes.filter((form) => !is_known(form)), []);
  const missing = [];
  for (const file of readdirSync(source).filter((name) => name.endsWith(".jsx")))
    for (const [, text] of readFileSync(join(source, file), "utf8").matchAll(/[^\w.]t\("((?:[^"\\]|\\.)*)"/g)) if (!is_known(text)) missing.push(`${file}: ${text}`);
  assert.deepEqual(missing, []);
});

test("a finding is told with its values; in English it is what the gate has written", () => {
  const said = { check: "model error", form: "gains in {0} of {1} corners; worst {2} % where {3}", values: ["6", "8", "-2.1", "repairs take 1.5 of the time"] };
  const plan = { reason: "model error: gains in 6 of 8 corners", said };
  choose("zh");
  assert.equal(reason_of(plan), "模型误差：8 种模型误差中有 6 种仍有收益；最差 -2.1 %，当维修用时为 1.5 倍");
  assert.equal(reason_of({ reason: "as before" }), "as before"); // a plan of an older release
  choose("en");
  assert.equal(reason_of(plan), plan.reason);
  assert.equal(finding(said), "gains in 6 of 8 corners; worst -2.1 % where repairs take 1.5 of the time");
});

test("names of schedules and reasons for them are told clause by clause", () => {
  choose("zh");
  assert.equal(spoken("by due date, service filler before A-106"), "按交期，在 A-106 之前保养 filler");
  assert.equal(spoken("filler is serviced in 30 min (20 min), before it is likely to fail"), "filler 在 30 分钟后保养（20 分钟），赶在可能发生故障之前");
  assert.equal(spoken("A-106 comes 2 earlier; filler is serviced in the changeover to A-107"), "A-106 提前 2 位；filler 在换型至 A-107 时保养");
  assert.equal(spoken("filler is serviced in 12 min"), "filler 在 12 分钟后保养");
  assert.equal(spoken("something else"), "something else");
  choose("en");
  assert.equal(spoken("keep"), "keep");
});
