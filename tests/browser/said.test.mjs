// SPDX-License-Identifier: Apache-2.0
// What the programs say, on Chinese pages.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const { TREE } = process.env;
const source = join(TREE, "plugin/hmi/web/src");
const { choose, is_known } = await import(join(source, "text.js"));
const { finding, reason_in, reason_of, spoken } = await import(join(source, "said.js"));
const { kept_as, offered, offers, phrase } = await import(join(source, "reasons.js"));

/** The sentences in calls and statements that begin with `opening`: literals side by side are one. */
function sentences(file, opening) {
  const text = readFileSync(join(TREE, file), "utf8");
  const found = new Set();
  for (const { index, 0: begin } of text.matchAll(opening)) {
    const inside = /[({]$/.test(begin) ? 1 : 0;
    let depth = inside;
    let sentence = "";
    const end = () => { found.add(sentence); sentence = ""; };
    for (let at = index + begin.length; at < text.length && depth >= inside; ++at) {
      const literal = /^"(?:[^"\\]|\\.)*"|^'(?:[^'\\]|\\.)'/.exec(text.slice(at))?.[0];
      if (literal) at += literal.length - 1;
      if (literal?.startsWith('"')) sentence += JSON.parse(literal);
      else if (!/\s/.test(text[at])) end();
      if ("({".includes(text[at])) ++depth;
      if (")}".includes(text[at])) --depth;
      if (text[at] === ";" && depth === inside) break;
    }
    end();
  }
  return [...found].filter((one) => /[a-z]{2,}.* /.test(one)).sort();
}

/** As it would be said: names and numbers in place of fields. */
const example = (form) => {
  let next = 0;
  return form.replace(/\{[\d:.f+]*\}/g, () => ["M-1", "7", "M-2", "8", "M-3", "9", "M-4"][next++]);
};
const english = /(?<![\w.[])[a-z]{2,}(?:'s)? [a-z]{2,}/;

const complaining = /\b(?:complain|note|refuse|Error|push_back)\(|\{path\.string\(\), |hint = /g;

const attaching = /\bRefusal::\w+,|\bfinish\(|return end\(|\bError\(|tell_plan\(|\blose\(|return (?=")|alarm_deployment\(|settle\(/g;

/** Who speaks to the pages, and how; then what of it is only a part of a sentence, or no sentence. */
const speakers = [
  ["plugin/hmi/desk.cpp", /\brefusal\(/g],
  ["plugin/hmi/server.cpp", /\brefuse\(/g],
  ["plugin/hmi/what_if.cpp", /\b(?:Error|complain)\(|sentences\.\w+\(/g],
  ["plugin/hmi/running.cpp", /\bError\(/g],
  ["plugin/hmi/scenarios.cpp", /\bError\(/g],
  ...["attachment", "polling", "planning", "following", "deployment", "standing", "writing"].map((file) => [`plugin/attachment/${file}.cpp`, attaching]),
  ["plugin/io/device.cpp", /\b(?:drop|hang_up|unconnected)\(|(?:why|text) = /g],
  ["plugin/io/link.cpp", /return (?=")|\? (?=fmt)|: (?=fmt)/g],
  ["plugin/core/protocol.cpp", /\bwhy =/g],
  ["plugin/core/alarms.cpp", /event\.why = connected/g],
  ["plugin/core/gate.cpp", /complaints\.\w+\(|> forms = \{/g],
  ["plugin/core/ledger.cpp", /news\.\w+ = /g],
  ["plugin/core/write_rules.cpp", /return Error\(/g],
  ["plugin/io/deployer.cpp", /\b(?:Error|step)\(/g],
  ["sim/text/document.cpp", complaining],
  ...["line_file", "orders_file", "reading", "scenario_file", "schedule_file"].map((file) => [`sim/text/${file}.cpp`, complaining]),
  ["sim/text/state_file.cpp", complaining],
  ["sim/line/schedule.cpp", /complaints\.\w+\(/g],
  ["sim/plan/candidates.cpp", /\badd_family\(/g],
  ["sim/plan/planner.cpp", /push_back\(/g],
  ["sim/plan/react.cpp", /reasons\.\w+\(/g],
  ["sim/verdict/invariants.cpp", /broken\.\w+\(/g],
  ["inference/history.cpp", /why_not = /g],
  ["inference/forecaster.cpp", /why_not = /g],
  ["inference/plant/plant_model.cpp", /why_not = /g],
];
const parts = new Set([" ({} was wanted)", "the gate has refused (", "): to overrule it takes a second person", "out of", "\"{}\" is {} service already", "{} {} is in the device, read back{}", "was over after {:.0f} min", "is not over after {:.0f} min"]);

test("whatever the server, the gate and the simulation say to the pages has its Chinese", () => {
  choose("zh");
  const missing = [];
  for (const [file, opening] of speakers) {
    const said = sentences(file, opening).filter((one) => !parts.has(one));
    assert.ok(said.length > 0, `nothing is said in ${file}: has it another form now?`);
    for (const one of said) {
      const told = spoken(example(one.replace(/: $/, ": {}")));
      if (!/[\u4e00-\u9fff]/.test(told) || english.test(told)) missing.push(`${file}: ${one} -> ${told}`);
    }
  }
  assert.deepEqual(missing, []);
  choose("en");
});

test("what a link suffers from is told in Chinese behind the device's name and address", () => {
  choose("zh");
  for (const [english, chinese] of Object.entries({
    "oven: 10.0.0.7:502: 20 registers were asked for, the answer has 42 bytes": "oven：10.0.0.7:502：请求 20 个寄存器，应答有 42 字节",
    "10.0.0.7:502: 65 answers in a row that nobody asked for": "10.0.0.7:502：连续 65 个未请求的应答",
    "[fe80::1]:802: its certificate is not believed: self-signed": "[fe80::1]:802：其证书不可信：self-signed",
    "10.0.0.7:502: exception 10 (gateway path unavailable); unit 3 is left alone for a while (4 changes before were not told)":
      "10.0.0.7:502：异常 10（网关路径不可用）；暂停访问单元 3（此前 4 次变化未报告）",
  })) assert.equal(spoken(english), chinese);
});

test("every act that is refused has its Chinese in the audit", () => {
  choose("zh");
  const routes = [...readFileSync(join(TREE, "plugin/hmi/desk.cpp"), "utf8").matchAll(/\{"\/api\/([\w/-]+)", \{Act::/g)].map(([, path]) => path);
  assert.ok(routes.length >= 12);
  assert.deepEqual(routes.map((path) => spoken(`viewer may not ${path}`)).filter((told) => !/^查看者无权[\u4e00-\u9fff]+$/.test(told)), []);
  choose("en");
});

test("complaints of files are told in Chinese, and what they name stays as it must be written", () => {
  choose("zh");
  const left = [];
  const rejected = join(TREE, "scenarios/rejected");
  for (const file of readdirSync(rejected).filter((name) => name.endsWith(".expected") && !name.startsWith("plugin-")))
    for (const [, complaint] of readFileSync(join(rejected, file), "utf8").matchAll(/^foreline (?:check|run): (.+)$/gm)) {
      if (complaint.includes(": not TOML: ")) continue; // toml++ says what follows
      const told = spoken(complaint);
      if (english.test(told.replace(/"[^"]*"/g, ""))) left.push(told);
    }
  assert.deepEqual(left, []);
  assert.equal(spoken('a.toml:1:1: "title" is missing (add title = "…")\nb/c.toml:10:8: "kind" is "bearing wear", wanted "bearing-wear", "jam" or "tool-wear" (did you mean "bearing-wear"?)'),
    'a.toml:1:1: 缺少 "title"（请添加 title = "…"）\nb/c.toml:10:8: "kind" 为 "bearing wear"，应为 "bearing-wear", "jam" 或 "tool-wear"（是否指 "bearing-wear"？）');
  choose("en");
});

test("every text of the pages has its Chinese", () => {
  const missing = [];
  for (const file of readdirSync(source).filter((name) => /\.jsx?$/.test(name)))
    for (const [, text] of readFileSync(join(source, file), "utf8").matchAll(/[^\w.]t\("((?:[^"\\]|\\.)*)"/g)) if (!is_known(text)) missing.push(`${file}: ${text}`);
  const figures = /^const names = (\{.*?\});$/ms.exec(readFileSync(join(source, "audit.jsx"), "utf8"))[1];
  for (const [, text] of figures.matchAll(/\w+: "([^"]+)"/g)) if (!is_known(text)) missing.push(`audit.jsx: ${text}`);
  assert.deepEqual(missing, []);
});

test("every text that has Chinese is said by the pages, or by a program whose words they show", () => {
  const files = (folder) => readdirSync(join(TREE, folder), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]));
  const all = (names) => names.map((name) => readFileSync(join(TREE, name), "utf8")).join("\n");
  const pages = all(files("plugin/hmi/web/src").filter((name) => /\.jsx?$/.test(name) && !/(text|clauses|complaints)\.js$/.test(name)));
  const programs = all(["sim", "inference", "plugin"].flatMap(files).filter((name) => /\.[ch]pp$/.test(name)));
  const said = (text) => pages.includes(JSON.stringify(text)) || pages.includes(`${text}: "`) || programs.includes(JSON.stringify(text));
  const table = /^const zh = \{$(.*?)^\};$/ms.exec(readFileSync(join(source, "text.js"), "utf8"))[1];
  const texts = [...table.matchAll(/(?<=^ *|, )("(?:[^"\\]|\\.)*"):/gm)].map(([, text]) => JSON.parse(text));
  assert.ok(texts.length > 500);
  const together = (text) => ["write ", "roll-back "].some((first) => text.startsWith(first) && programs.includes(`"${first}"`) && said(text.slice(first.length)));
  assert.deepEqual(texts.filter((text) => !said(text) && !together(text)), []);
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
  assert.equal(spoken("planning because of filler/jam (again), from the line's state at 1:44:47"), "因 filler · 卡料再次开始排程，从 1:44:47 的产线状态出发");
  assert.equal(spoken("bearing-wear of filler: 77 % within 2.0 h, as likely as not within 78 min; because of vibration (+75 points), cycle time (+6 points), product pressure (+5 points)"),
    "filler 的轴承磨损：2.0 小时内 77 %，78 分钟内发生与否各半；原因：vibration（+75 个百分点），cycle time（+6 个百分点），product pressure（+5 个百分点）");
  assert.equal(spoken("by due date, service filler before A-106"), "按交期，在 A-106 之前保养 filler");
  assert.equal(spoken("filler is serviced in 30 min (20 min), before it is likely to fail"), "filler 在 30 分钟后保养（20 分钟），赶在可能发生故障之前");
  assert.equal(spoken("A-106 comes 2 earlier; filler is serviced in the changeover to A-107"), "A-106 提前 2 位；filler 在换型至 A-107 时保养");
  assert.equal(spoken("filler is serviced in 12 min"), "filler 在 12 分钟后保养");
  assert.equal(spoken("something else"), "something else");
  assert.equal(spoken("bearing-wear of filler: 83 % within 2.0 h, as likely as not within 48 min; because of vibration (+61 points), motor current (+4 points)"),
    "filler 的轴承磨损：2.0 小时内 83 %，48 分钟内发生与否各半；原因：vibration（+61 个百分点），motor current（+4 个百分点）");
  assert.equal(spoken("future 3: 5 parts are between a, b and c, where 4 have room"), "未来 3：a, b 与 c 之间有 5 件，而只容得下 4 件");
  assert.equal(spoken("the simulation of this edit failed: order A-1 is in the sequence 2 times"), "该改动的仿真失败：订单 A-1 在顺序中出现 2 次");
  assert.equal(spoken("another commit (number 7) is not handled yet (try again when the PLC has echoed it)"), "另一次提交（编号 7）尚未处理（待 PLC 回显后重试）");
  assert.equal(spoken("planning because of filler/bearing-wear, from the line's state at 1:20:37"), "因 filler · 轴承磨损开始排程，从 1:20:37 的产线状态出发");
  assert.equal(spoken("constructor"), "constructor");
  choose("en");
  assert.equal(spoken("keep"), "keep");
});

test("an offered reason is kept in English and read in the language of the page; what a person typed stays", () => {
  const all = Object.values(offered).flatMap(Object.entries);
  assert.equal(new Set(all.flat()).size, 2 * all.length, "a reason stands twice, or for two others");
  choose("zh");
  assert.deepEqual(offers("reject").map(kept_as), Object.keys(offered.reject));
  assert.equal(phrase("the spare part is not here"), "备件未到");
  assert.equal(phrase("time is over"), "已到期");
  assert.equal(phrase("jam"), null);
  assert.equal(kept_as("jam"), "jam");
  assert.deepEqual(reason_in("proposal 3: it is Friday: no"), { before: "方案 3：", reason: "it is Friday: no" });
  assert.deepEqual(reason_in("roll-back of 3: the line does not keep it"), { before: "回退方案 3：", reason: "the line does not keep it" });
  assert.deepEqual(reason_in("the cause was found"), { before: "", reason: "the cause was found" });
  choose("en");
  assert.equal(phrase("the spare part is not here"), "the spare part is not here");
  assert.deepEqual(reason_in("proposal 3: no"), { before: "proposal 3: ", reason: "no" });
});
