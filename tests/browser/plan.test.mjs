// SPDX-License-Identifier: Apache-2.0
// The plan page at work: what runs now without any proposal, the Gantt by machine and by order, bars that are dragged by mouse,
// finger and keys, a what-if that is cancelled, and one whose every part says that it is none of it live.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { after, before, test as named } from "node:test";
import { Plant } from "./plant.mjs";

const { FORELINE, TREE, CHROMIUM, MODULES } = process.env;
const OUT = join(process.env.OUT, "plan");
const require = createRequire(join(resolve(MODULES), "package.json"));
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;
const test = (name, work) => named(name, { timeout: 300_000 }, work);
const people = { petra: { role: "planner", password: "planning all day" } };
const freeze_s = 900;

let browser, plant, page;

/** The demo's day on a line that closes for an hour, from 3 h on. */
function day() {
  const line = readFileSync(join(TREE, "scenarios/lines/bottling.toml"), "utf8");
  writeFileSync(join(OUT, "line.toml"), `${line.replace(/^(name = .*)$/m, '$1\ncalendar = "day"')}
[[calendars]]
name = "day"
start = "Mon 06:00"
  [[calendars.shift]]
  days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
  from = "00:00"
  until = "24:00"
  [[calendars.break]]
  from = "09:00"
  until = "10:00"
`);
  writeFileSync(join(OUT, "day.toml"), `format = "foreline scenario 1"
title = "a day"
line = "line.toml"
orders = "${join(TREE, "scenarios/orders/bottling-day.csv")}"
schedule = "${join(TREE, "scenarios/schedules/bottling-due-date.toml")}"
first_seed = 7
horizon = "8 h"
`);
  return join(OUT, "day.toml");
}

const api = (path) => page.evaluate(async (path) => (await fetch(path)).json(), path);
const bars = (within, what) => page.locator(`${within} svg.drawing rect.bar.${what}`);
const boxes = (locator) => locator.evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()).sort((a, b) => a.x - b.x));
const sequence = async () => (await page.locator(".what-if .sequence.edit li").allInnerTexts()).map((text) => text.split(/\s/)[0]);
const picture = (name) => page.screenshot({ path: join(OUT, `${name}.png`), fullPage: true });

before(async () => {
  mkdirSync(OUT, { recursive: true });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  plant = await Plant.start({ foreline: FORELINE, folder: join(OUT, "plant"), scenario: day(), speed: 60, people, more: `\n[planning]\nfreeze = "${freeze_s} s"\non_alarm = false\non_breakdown = false\non_finish = false\n` });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", hasTouch: true });
  page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${plant.origin}/#/plan`);
  // Some work is done, and more is to come.
  for (let i = 0; i < 90 && !((await api("/api/running")).at_s > 1500); ++i) await page.waitForTimeout(1000);
  await plant.pace(2); // slowly, and not as clocks on walls do
});

after(async () => {
  await browser?.close();
  await plant?.end();
});

test("what runs now is shown without a proposal: done, planned, to come, closed", async () => {
  await page.getByText("No plan yet").waitFor();
  await page.locator(".running .spread.ends rect").first().waitFor({ timeout: 60_000 });
  const running = await api("/api/running");
  assert.ok(running.bars.some((bar) => bar.what === "work" && bar.machine === "filler" && bar.order === "A-101" && bar.until_s - bar.from_s > 300));
  assert.ok(running.bars.every((bar) => bar.until_s <= running.at_s + 60 && bar.from_s < bar.until_s));
  assert.ok(running.coming.spans.length >= 20, `${running.coming.spans.length} operations are expected`);
  for (const { begin_s, end_s } of running.coming.spans) for (const [p10, p50, p90] of [begin_s, end_s]) assert.ok(p10 <= p50 && p50 <= p90);
  assert.ok(running.planned.at_s <= running.coming.at_s);
  assert.deepEqual(running.closed.filter((bar) => bar.machine === "filler").map((bar) => [bar.from_s, bar.until_s])[0], [3 * 3600, 4 * 3600]);
  for (const promise of running.coming.orders) assert.ok(promise.on_time_low <= promise.on_time && promise.on_time <= promise.on_time_high);
  for (const what of ["work", "closed"]) assert.ok(await bars(".running", what).count() > 0, what);
  assert.ok(await page.locator(".running rect.bar.coming").count() > 5);
  assert.ok(await page.locator(".running rect.planned").count() > 5);
  assert.match(await page.locator(".running table").innerText(), /A-108\s+4:25\s+\d+:\d\d.*\d+ %/s);
  await picture("running");
});

test("by machine and by order there are due marks, spreads, and the freeze line stands where the freeze ends", async () => {
  const charts = page.locator(".running .charts");
  const line = await api("/api/line");
  for (const view of ["by machine", "by order"]) {
    await charts.getByRole("button", { name: view }).click();
    const [now] = await boxes(charts.locator("line.now"));
    const [freeze] = await boxes(charts.locator(".freeze line"));
    const ticks = await charts.locator("text.tick").evaluateAll((all) => all.map((tick) => ({ x: tick.getBoundingClientRect().x + tick.getBoundingClientRect().width / 2, s: tick.textContent.split(":").reduce((h, m) => 3600 * h + 60 * m) })));
    const px_a_s = (ticks.at(-1).x - ticks[0].x) / (ticks.at(-1).s - ticks[0].s);
    assert.ok(Math.abs((freeze.x - now.x) / px_a_s - freeze_s) < 60, `${view}: the freeze line stands ${((freeze.x - now.x) / px_a_s).toFixed(0)} s behind now`);
    assert.match(await charts.locator(".freeze line title").textContent(), /^frozen until \d+:\d\d/);
    const due = await charts.locator("path.due").evaluateAll((all) => all.map((mark) => ({ title: mark.textContent, ...mark.getBoundingClientRect().toJSON() })));
    for (const order of line.orders) {
      const mark = due.find(({ title }) => title.includes(order.id));
      assert.ok(mark, `${view}: ${order.id} has no due mark`);
      assert.ok(Math.abs(mark.x + mark.width / 2 - ticks[0].x - (order.due_s - ticks[0].s) * px_a_s) < 4, `${view}: the mark of ${order.id} stands at another time`);
    }
    assert.ok(await charts.locator(".spread.begins rect").count() > 3 && await charts.locator(".spread.ends rect").count() > 3, view);
    assert.equal(await charts.locator("svg.drawing").getAttribute("aria-label"), `What runs now, ${view}`);
  }
});

test("the Gantt is zoomed and moved by keys", async () => {
  const charts = page.locator(".running .charts");
  const span_s = async () => {
    const times = (await charts.locator("text.tick").allTextContents()).map((text) => text.split(":").reduce((h, m) => 3600 * h + 60 * m));
    return [times[0], times.at(-1) - times[0]];
  };
  await charts.focus();
  await page.keyboard.press("m");
  const [, whole_s] = await span_s();
  for (const key of ["+", "+"]) await page.keyboard.press(key);
  const [from_s, near_s] = await span_s();
  assert.ok(near_s < 0.5 * whole_s, `${near_s} of ${whole_s}`);
  await page.keyboard.press("ArrowRight");
  assert.ok((await span_s())[0] > from_s);
  await page.keyboard.press("0");
  assert.equal((await span_s())[1], whole_s);
  await page.keyboard.press("o");
  assert.equal(await charts.getByRole("button", { name: "by order" }).getAttribute("aria-pressed"), "true");
  await page.keyboard.press("m");
});

/** The bar of an order on the board, in its first row. */
const piece = (order) => page.locator(`.what-if .grab[aria-label^="${order}:"]`).first();
const centre = ({ x, y, width, height }) => [x + width / 2, y + height / 2];

test("bars are dragged by mouse, finger and keys, snap between operations, and say why they may not", async () => {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Name").fill("petra");
  await page.getByLabel("Password").fill(people.petra.password);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  const said = page.locator(".what-if .said");
  await piece("A-108").waitFor();
  const at_first = await sequence();
  assert.equal(await page.locator(".what-if .grab:not([aria-label]):not([tabindex='-1'])").count(), 0, "a bar without a name stops the Tab key");
  const movable = [...at_first];
  const frozen = [];
  while (movable.length && await page.locator(".what-if .sequence.edit li").nth(frozen.length).evaluate((row) => row.classList.contains("frozen"))) frozen.push(movable.shift());
  assert.ok(frozen.length > 0 && movable.length > 3, `${frozen} | ${movable}`);
  const last = movable.at(-1);
  const target = movable.at(-3);

  // By mouse: the last before the one two before it; the mark snaps to the end of what is before that.
  const box = async (order) => (await piece(order).locator("rect").boundingBox());
  const board_in_sight = () => page.locator(".what-if .charts").first().evaluate((charts) => charts.scrollIntoView({ block: "center" }));
  await board_in_sight();
  const [from, to] = [await box(last), await box(target)];
  await page.mouse.move(...centre(from));
  await page.mouse.down();
  await page.mouse.move(to.x + 2, to.y + to.height / 2, { steps: 6 });
  await page.locator(".what-if path.snap").waitFor();
  const [snap] = await boxes(page.locator(".what-if path.snap"));
  const [row] = [await box(movable.at(-4))];
  assert.ok(Math.abs(snap.x + snap.width / 2 - (row.x + row.width)) < 3, "the mark does not snap to the operation before");
  await page.mouse.up();
  const moved = [...at_first.filter((order) => order !== last)];
  moved.splice(moved.indexOf(target), 0, last);
  assert.deepEqual(await sequence(), moved);
  assert.match(await said.innerText(), new RegExp(`${last} is at place ${moved.indexOf(last) + 1} of ${moved.length} now`));
  assert.ok((await box(last)).x < (await box(target)).x, "the bars do not follow");
  assert.match(await page.locator(".stamp-board").getAttribute("aria-label"), /WHAT-IF · not live · not simulated/);
  await page.getByRole("button", { name: "Undo" }).click();
  assert.deepEqual(await sequence(), at_first);
  await page.getByRole("button", { name: "Redo" }).click();
  assert.deepEqual(await sequence(), moved);
  await page.getByRole("button", { name: "Undo" }).click();

  // By finger.
  await board_in_sight();
  const touch = await page.context().newCDPSession(page);
  const finger = (type, x, y) => touch.send("Input.dispatchTouchEvent", { type, touchPoints: x == null ? [] : [{ x, y }] });
  const [start, end] = [centre(await box(last)), await box(target)];
  await finger("touchStart", ...start);
  for (let i = 1; i <= 6; ++i) await finger("touchMove", start[0] + ((end.x + 2 - start[0]) * i) / 6, start[1]);
  await finger("touchEnd");
  await page.waitForFunction(([order, place]) => [...document.querySelectorAll(".what-if .sequence.edit li")][place].textContent.startsWith(order), [last, moved.indexOf(last)]);
  await page.getByRole("button", { name: "Undo" }).click();

  // By keys; Escape leaves it.
  await piece(last).focus();
  await page.keyboard.press("Space");
  assert.equal(await piece(last).getAttribute("aria-pressed"), "true");
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Escape");
  assert.deepEqual(await sequence(), at_first);
  await page.keyboard.press("Space");
  for (const key of ["ArrowLeft", "ArrowLeft", "Space"]) await page.keyboard.press(key);
  assert.deepEqual(await sequence(), moved);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")?.split(":")[0]), last, "the focus is lost");
  await page.getByRole("button", { name: "Undo" }).click();

  // Not before what runs, nor that itself.
  await piece(last).focus();
  for (const key of ["Space", "Home", "Space"]) await page.keyboard.press(key);
  assert.deepEqual(await sequence(), at_first);
  assert.match(await said.innerText(), new RegExp(`${last} cannot go before \\S+: (running|finished|frozen)`));
  const running = frozen.at(-1);
  await piece(running).focus();
  for (const key of ["Space", "End", "Space"]) await page.keyboard.press(key);
  assert.deepEqual(await sequence(), at_first);
  assert.match(await said.innerText(), new RegExp(`${running} cannot be moved: running`));
  // What begins within the freeze may not move either.
  const coming = (await api("/api/running")).coming.bars;
  const begins = (order) => Math.min(...coming.filter((bar) => bar.order === order && bar.what === "work").map((bar) => bar.from_s));
  const now_s = (await api("/api/running")).at_s;
  for (const order of movable.filter((order) => begins(order) < now_s + freeze_s - 60)) {
    await piece(order).focus();
    for (const key of ["Space", "End", "Space"]) await page.keyboard.press(key);
    assert.match(await said.innerText(), new RegExp(`${order} cannot be moved: frozen until \\d+:\\d\\d`));
  }
  await picture("board");
});

test("services and faults of the what-if are dragged along their machine by mouse and keys, snap to operations, and can be undone", async () => {
  const board = page.locator(".what-if");
  const said = board.locator(".said");
  const form = (button) => board.locator("form", { has: page.getByRole("button", { name: button }) });
  const add = async (button, select, what, minutes) => {
    await form(button).locator(select).selectOption(what);
    await form(button).getByLabel("in minutes").click();
    await page.keyboard.press("Control+A");
    for (const key of minutes) { // as slowly as people type, while the page is drawn again and again
      await page.keyboard.press(key);
      await page.waitForTimeout(700);
    }
    await form(button).getByRole("button").click();
  };
  await add("Add a service", "select", "packer", "95");
  await add("Add a fault", "select", "capper/jam", "70");
  const service = board.locator(".grab[aria-label^='service of packer']");
  const fault = board.locator(".grab[aria-label^='jam of capper']");
  const clock = async (item) => (await item.getAttribute("aria-label")).split(": ")[1];
  const s_of = (text) => text.split(":").reduce((h, m) => 3600 * h + 60 * m);
  const now_s = (await api("/api/running")).at_s;
  assert.ok(Math.abs(s_of(await clock(service)) - now_s - 95 * 60) < 180, `${await clock(service)} is not 95 min from ${now_s} s`);
  assert.match(await board.locator(".stamp-board").getAttribute("aria-label"), /not simulated/);

  // By mouse: near the end of an operation it snaps to it.
  await board.locator(".charts").first().evaluate((charts) => charts.scrollIntoView({ block: "center" }));
  const box = await service.locator("rect").boundingBox();
  const work = await boxes(board.locator("rect.bar.work"));
  const edge = work.filter(({ y, right }) => Math.abs(y - box.y) < 2 && right > box.x + 60)[0].right;
  await page.mouse.move(...centre(box));
  await page.mouse.down();
  await page.mouse.move(centre(box)[0] + edge - box.x + 5, centre(box)[1], { steps: 6 });
  await board.locator("path.snap").waitFor();
  await page.mouse.up();
  assert.ok(Math.abs((await service.locator("rect").boundingBox()).x - edge) < 2, "it does not snap to the end of the operation");
  assert.match(await said.innerText(), /^service of packer begins at \d+:\d\d now/);
  const put = await clock(service);
  assert.match(await board.getByText(/^packer, at/).innerText(), new RegExp(`at ${put}`));
  assert.equal(await service.evaluate((item) => item === document.activeElement), true, "the focus is lost");

  // By keys; Escape leaves it, and it goes to no time that is over.
  await fault.focus();
  for (const key of ["Space", "ArrowRight", "Escape"]) await page.keyboard.press(key);
  assert.match(await said.innerText(), /jam of capper stays where it is/);
  for (const key of ["Space", "ArrowRight", "ArrowRight"]) await page.keyboard.press(key);
  assert.equal(s_of((await said.innerText()).split(": ")[1]) % 300, 0);
  for (const key of ["ArrowDown", "Space"]) await page.keyboard.press(key);
  assert.match(await said.innerText(), /jam of capper begins at \d+:\d\d now/);
  assert.ok(s_of(await clock(fault)) > now_s + 75 * 60);
  for (const key of ["Space", "Home", "Space"]) await page.keyboard.press(key);
  assert.ok(Math.abs(s_of(await clock(fault)) - (await api("/api/running")).at_s) < 120);
  await picture("items");

  // Back, step by step: the fault to where it was dragged and where it was put, the service too, and both away.
  const undo = page.getByRole("button", { name: "Undo" });
  for (let i = 0; i < 2; ++i) await undo.click();
  assert.match(await board.getByText(/^capper: jam, in/).innerText(), /in 1 h 10 min/);
  await undo.click();
  assert.notEqual(await clock(service), put);
  await page.getByRole("button", { name: "Redo" }).click();
  assert.equal(await clock(service), put);
  for (let i = 0; i < 3; ++i) await undo.click();
  assert.equal(await service.count() + await fault.count(), 0);
});

test("the board and its sketch are without barriers, on a tablet too, and in Chinese", async () => {
  await piece((await sequence()).at(-1)).focus();
  for (const key of ["Space", "ArrowLeft", "Space"]) await page.keyboard.press(key);
  await page.locator(".stamp-board").waitFor();
  await page.evaluate(`(() => { const module = undefined, define = undefined, exports = undefined; ${axe}; })()`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  assert.deepEqual(violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 120)}`), []);
  for (const [name, width, height] of [["tablet", 820, 1180], ["small", 1280, 720]]) {
    await page.setViewportSize({ width, height });
    await page.waitForFunction(() => document.documentElement.scrollWidth <= innerWidth + 1);
    await picture(`board-${name}`);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.locator(".language select").selectOption("zh");
  const board = page.locator(".what-if");
  await board.locator(".said", { hasText: /现为第 \d+ 位/ }).waitFor();
  await board.locator(".stamp-board[aria-label^='假设分析 · 非实时 · 未经仿真']").waitFor();
  assert.match(await board.innerText(), /用手或按键将订单拖到其他订单之间/);
  await picture("board-zh");
  await page.locator(".language select").selectOption("en");
  await page.getByRole("button", { name: "Undo" }).click();
});

/** Processes that the plugin has started and that still run. */
const children = () => readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)).filter((entry) => {
  try {
    return new RegExp(`\\) \\S ${plant.watch.child.pid} `).test(readFileSync(`/proc/${entry}/stat`, "utf8"));
  } catch {
    return false;
  }
}).map(Number);

async function futures(count) {
  await page.getByRole("spinbutton", { name: "Futures" }).fill(String(count));
  await page.keyboard.press("Tab");
  await page.waitForTimeout(100); // until the page has taken it
}

test("a what-if tells how long it takes, and is cancelled for good", async () => {
  const before = children();
  await futures(200);
  await page.getByRole("button", { name: "Simulate" }).click();
  // However fast the machine is: the simulators are held while somebody reads how far they are.
  const simulators = () => children().filter((pid) => !before.includes(pid));
  const tell = (signal) => simulators().forEach((pid) => { try { process.kill(pid, signal); } catch { /* it has just ended */ } });
  const left = page.getByText(/simulating: \d+ of 400 futures, .* to go/);
  for (let i = 0; i < 200 && await left.count() === 0; ++i) {
    tell("SIGCONT");
    await new Promise((resolve) => setTimeout(resolve, 30));
    tell("SIGSTOP");
    await page.waitForTimeout(300);
  }
  await left.waitFor();
  await page.locator(".what-if .toolbar").getByRole("button", { name: "Cancel" }).first().click(); // whatever the trials in hand take: they are held
  await page.getByText("Cancelled: there is no result.").waitFor();
  let asked = await api("/api/what-if");
  for (let i = 0; i < 100 && !asked.over; ++i, asked = await api("/api/what-if")) await page.waitForTimeout(100);
  assert.deepEqual([asked.over, asked.cancelled, asked.answer], [true, true, null]);
  for (let i = 0; i < 50 && simulators().length > 0; ++i) await page.waitForTimeout(100);
  assert.deepEqual(simulators(), [], "the simulator runs on");
  assert.equal(await page.locator(".stamp-result").count(), 0);
});

test("no part of a what-if's result can be cut out without its stamp, and all of it is read", async () => {
  await futures(12);
  const order = (await sequence()).at(-1);
  await piece(order).focus();
  for (const key of ["Space", "ArrowLeft", "Space"]) await page.keyboard.press(key);
  await page.getByRole("button", { name: "Simulate" }).click();
  const result = page.locator(".stamp-result");
  await result.waitFor({ timeout: 120_000 });
  const text = await result.innerText();
  for (const part of [/P\(better\) \d+ % \[\d+ %, \d+ %\]/, /difference/, /utilisation %\s+blocked %\s+starved %/, /Why orders are late/, /finish, P10 to P90/]) assert.match(text, part);
  // Stamps stand in a lattice in front of everything: a whole one fits between any two.
  const stamps = result.locator("svg.stamps").last();
  const { area, own, tile, box, front, events } = await stamps.evaluate((svg) => {
    const pattern = svg.querySelector("pattern");
    const group = pattern.querySelector("g");
    const turn = /translate\(([\d.]+) ([\d.]+)\) rotate\((-?[\d.]+)\)/.exec(group.getAttribute("transform")).slice(1).map(Number);
    const { x, y, width, height } = group.getBBox();
    const angle = (turn[2] * Math.PI) / 180;
    const corners = [[x, y], [x + width, y], [x, y + height], [x + width, y + height]].map(([a, b]) => [turn[0] + a * Math.cos(angle) - b * Math.sin(angle), turn[1] + a * Math.sin(angle) + b * Math.cos(angle)]);
    const [xs, ys] = [corners.map(([a]) => a), corners.map(([, b]) => b)];
    const middle = svg.parentElement.getBoundingClientRect();
    svg.style.pointerEvents = "auto";
    svg.scrollIntoView({ block: "center" });
    const at = svg.parentElement.getBoundingClientRect();
    const top = document.elementFromPoint(at.x + at.width / 2, innerHeight / 2);
    svg.style.pointerEvents = "";
    return { area: middle.toJSON(), own: svg.getBoundingClientRect().toJSON(), tile: [Number(pattern.getAttribute("width")), Number(pattern.getAttribute("height"))], box: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], front: svg.contains(top), events: getComputedStyle(svg).pointerEvents };
  });
  assert.ok(Math.abs(area.width - own.width) < 1 && Math.abs(area.height - own.height) < 1, "the stamps do not cover the result");
  assert.ok(front, "something lies in front of the stamps");
  assert.equal(events, "none");
  assert.ok(box[0] >= 0 && box[1] >= 0 && box[2] <= tile[0] && box[3] <= tile[1], `a stamp of ${box} is cut off by its tile of ${tile}`);
  assert.ok(tile[0] + box[2] - box[0] <= 400 && tile[1] + box[3] - box[1] <= 300, `a window of 400 by 300 may lie between stamps: ${tile}, ${box}`);
  // And they are seen: each window differs from the same without stamps, on screen and on paper.
  for (const media of ["screen", "print"]) {
    await page.emulateMedia({ media });
    const shots = [];
    for (const hidden of [false, true]) {
      await stamps.evaluate((svg, hidden) => (svg.style.visibility = hidden ? "hidden" : ""), hidden);
      shots.push(`data:image/png;base64,${(await result.screenshot({ animations: "disabled" })).toString("base64")}`);
    }
    await stamps.evaluate((svg) => (svg.style.visibility = ""));
    const blank = await browser.newPage();
    const fewest = await blank.evaluate(async (shots) => {
      const [marked, plain] = await Promise.all(shots.map(async (data) => {
        const picture = Object.assign(new Image(), { src: data });
        await picture.decode();
        const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height });
        const ink = canvas.getContext("2d");
        ink.drawImage(picture, 0, 0);
        return ink.getImageData(0, 0, picture.width, picture.height);
      }));
      const { width, height } = marked;
      const sum = new Uint32Array((width + 1) * (height + 1));
      for (let y = 0; y < height; ++y) for (let x = 0, row = 0; x < width; ++x) {
        const i = 4 * (y * width + x);
        row += Math.abs(marked.data[i] - plain.data[i]) + Math.abs(marked.data[i + 2] - plain.data[i + 2]) > 12 ? 1 : 0;
        sum[(y + 1) * (width + 1) + x + 1] = sum[y * (width + 1) + x + 1] + row;
      }
      let least = Infinity;
      for (let y = 0; y + 300 <= height; y += 10) for (let x = 0; x + 400 <= width; x += 10)
        least = Math.min(least, sum[(y + 300) * (width + 1) + x + 400] - sum[y * (width + 1) + x + 400] - sum[(y + 300) * (width + 1) + x] + sum[y * (width + 1) + x]);
      return least;
    }, shots);
    await blank.close();
    assert.ok(fewest > 800, `${media}: a window of 400 by 300 has ${fewest} stamped pixels only`);
  }
  await page.emulateMedia({ media: "screen" });
  // What lies below stays readable: the quiet text on the panel, both seen through a stamp.
  const ratio = await stamps.evaluate((svg) => {
    const rgb = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
    const style = getComputedStyle(svg.querySelector("text"));
    const share = Number(style.fillOpacity);
    const through = (colour) => colour.map((value, i) => value * (1 - share) + rgb(style.fill)[i] * share);
    const light = (colour) => colour.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)).reduce((all, value, i) => all + value * [0.2126, 0.7152, 0.0722][i], 0);
    const [text, sheet] = [rgb(getComputedStyle(svg.parentElement.querySelector(".quiet")).color), rgb(getComputedStyle(svg.closest(".panel")).backgroundColor)].map(through).map(light);
    return (sheet + 0.05) / (text + 0.05);
  });
  assert.ok(ratio >= 4.5, `contrast ${ratio.toFixed(2)}`);
  assert.match(await result.getAttribute("aria-label"), /WHAT-IF · not live · \d\d\/\d\d\/\d{4}, \d\d:\d\d:\d\d.* · as of \d/);
  await picture("what-if");
});
