// SPDX-License-Identifier: Apache-2.0
// A morning at the pages: a fault is forecast, a planner asks what if, an approver refuses one
// proposal and approves the next, somebody without rights tries, and the PLC and the plugin go away.
// Two people sit at two browsers; the line, the PLC and the plugin are the real programs.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { after, before, test as named } from "node:test";
import { apart, colours_of, differences, laid_out_as, layout_of, looks_like } from "./pictures.mjs";
import { Plant, copied, wire } from "./plant.mjs";

const { FORELINE, TREE, OUT, CHROMIUM, MODULES } = process.env;
const require = createRequire(join(resolve(MODULES), "package.json"));
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

const pages = ["overview", "machine/filler", "alarms", "plan", "scenarios", "data", "audit"];
const people = {
  vera: { role: "viewer", password: "viewing is enough" },
  petra: { role: "planner", password: "planning all day" },
  anton: { role: "approver", password: "approving with care" },
  eva: { role: "engineer", password: "knows every sensor" },
};

/** One part of the morning; one that hangs says so by its name, and the others go on. */
const test = (name, work) => named(name, { timeout: 400_000 }, work);

let browser, plant;
const desks = {};
const noted = [];

/** One person's browser; what its console complains of, and what it asks of other hosts, is kept. */
async function desk(name, own = plant.origin) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", bypassCSP: false });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => noted.push(`${name}: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && /Content.Security|Refused to/i.test(message.text()) && noted.push(`${name}: ${message.text()}`));
  page.on("request", (request) => new URL(request.url()).origin !== own && !request.url().startsWith("data:") && noted.push(`${name} asked ${request.url()}`));
  return page;
}

async function open(page, place) {
  if (!page.url().startsWith(plant.origin)) await page.goto(`${plant.origin}/#/${place}`);
  else await page.evaluate((hash) => (location.hash = hash), `#/${place}`);
  await page.locator("main .panel").first().waitFor();
}

async function sign_in(page, name) {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(people[name].password);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.locator(".who b", { hasText: name }).waitFor();
}

async function picture(page, name) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForFunction(() => document.documentElement.scrollWidth <= innerWidth + 1).catch(() => assert.fail(`${name} is wider than the window`));
  await page.screenshot({ path: join(OUT, `${name}.png`), fullPage: true });
}

const layouts = join(TREE, "tests/browser/layouts.json");

/** A picture of what the window shows, as the documentation has it. */
async function documented(page, name, from_top = true) {
  await page.setViewportSize({ width: 1280, height: 800 });
  if (from_top) await page.evaluate(() => scrollTo(0, 0));
  const taken = join(OUT, `docs-${name}.png`);
  await page.screenshot({ path: taken });
  laid_out_as(await layout_of(page), layouts, name);
  await looks_like(browser, taken, join(TREE, "docs/pages", `${name}.png`), name === "audit" ? 8 : 4); // of the audit each morning has other lines
}

/** A folder of scenarios: one that holds, one that cannot, one that takes long, one that is no scenario. */
function rehearsals() {
  const folder = join(OUT, "rehearsals");
  mkdirSync(folder, { recursive: true });
  const scenario = (title, throughput, seeds = 2) => `format = "foreline scenario 1"
title = "${title}"
line = "${join(TREE, "scenarios/lines/bottling.toml")}"
orders = "${join(TREE, "scenarios/orders/bottling-day.csv")}"
first_seed = 41
seeds = ${seeds}
horizon = "3 h"

[[fault]]
id = "wear"
machine = "filler"
kind = "bearing-wear"
at = "30 min"
fails_after = "60 min"

[[expect]]
measure = "throughput"
is = ">= ${throughput} parts/h"
`;
  writeFileSync(join(folder, "bearing.toml"), scenario("a bearing wears", 1));
  writeFileSync(join(folder, "impossible.toml"), scenario("more than the line can make", 100000));
  writeFileSync(join(folder, "long.toml"), scenario("many days", 1, 1000));
  writeFileSync(join(folder, "broken.toml"), 'format = "foreline scenario 1"\nseeds = "many"\n');
  return folder;
}

/** Axe's serious and critical findings, by WCAG 2.1 AA, and headings of tables that do not say of what. */
async function barriers(page) {
  // The page's own policy forbids foreign script; a person's tool comes in through the debugger.
  await page.evaluate(`(() => { const module = undefined, define = undefined, exports = undefined; ${axe}; })()`);
  const found = await page.evaluate(async () => (await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] })).violations);
  const headings = await page.locator("th:not([scope])").evaluateAll((all) => all.map((one) => one.outerHTML));
  return headings.concat(found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 120)} (${node.failureSummary.split("\n").at(-1).trim()})`).join("; ")}`));
}

// What Chinese pages keep in Latin letters besides the names of the line's own things.
const latin = /^(oneDNN|brg|core|amx|vnni|English|OEE|PLC|ISA-|IEC|MTBF|MTTR|Wilson|WIP|GPT-|avx|store|Brier|KernelSHAP|CSV|UTC|GMT|P10|P90|Foreline|foreline|toml|json|hmi|min|max|mean|kWh|degC|parts)$/;

/** English words that stand on a Chinese page, or are read out there, each in the text around it. */
async function english(page) {
  const { names, texts } = await page.evaluate(async () => {
    const [line, scenarios] = await Promise.all(["/api/line", "/api/scenarios"].map(async (path) => (await fetch(path)).json()));
    const names = [...scenarios.flatMap((s) => [s.file, s.title ?? s.file]), line.name, ...line.products, ...line.machines.flatMap((m) => [m.name, ...m.signals.flatMap((s) => [s.name, s.unit])]), ...line.orders.map((o) => o.id)];
    const texts = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      // Files, commands and hashes; and what a person has typed, in whatever language.
      const at = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
      if (at.closest("code, pre, .mono, script, style, noscript, body [lang]")) continue;
      if (node.nodeType === Node.TEXT_NODE) texts.push(node.textContent);
      else for (const name of ["aria-label", "title", "placeholder", "data-text", "alt"]) texts.push(node.getAttribute(name) ?? "");
    }
    return { names, texts };
  });
  const known = [...names, ...Object.keys(people)].sort((a, b) => b.length - a.length).map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const own = new RegExp(`(?<![A-Za-z])(${known.join("|")})(?![A-Za-z])`, "g");
  return [...new Set(texts.filter((text) => (text.replace(own, " ").replace(/[0-9a-f]{16,}/g, " ").match(/[A-Za-z][A-Za-z'-]{2,}/g) ?? []).some((word) => !latin.test(word))))];
}

/** Controls that a finger or a shaking hand misses: WCAG 2.2, 2.5.8 wants 24 by 24. */
const too_small = (page) =>
  page.evaluate(() => [...document.querySelectorAll("button, select, input:not([type=range]), summary, nav a")]
    .map((control) => [control, control.getBoundingClientRect()])
    .filter(([, { width, height }]) => width > 0 && (width < 24 || height < 24))
    .map(([control, { width, height }]) => `${control.outerHTML.slice(0, 80)}: ${Math.round(width)} x ${Math.round(height)}`));

/** Tables that a reader must push sideways to see their end. */
const pushed_sideways = (page) =>
  page.evaluate(() => [...document.querySelectorAll(".scroll:has(table)")].filter((place) => place.scrollWidth > place.clientWidth + 1).map((place) => place.getAttribute("aria-label")));

const in_chinese = (page, on) => page.locator(".language select").selectOption(on ? "zh" : "en");

/** All pages in Chinese as they are now; what of them is English. */
async function english_on_pages(page, places = pages) {
  await in_chinese(page, true);
  const found = [];
  for (const place of places) {
    await open(page, place);
    await page.waitForTimeout(300);
    for (const text of await english(page)) found.push(`${place}: ${text.trim().slice(0, 200)}`);
  }
  await in_chinese(page, false);
  return found;
}

/** An act of the pages sent by hand. */
const send = (page, path, body, token) =>
  page.evaluate(
    async ([path, body, token]) => {
      const own = token ?? (await (await fetch("/api/session")).json()).token ?? "";
      const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "X-Foreline-Token": own }, body: JSON.stringify(body) });
      return { status: answer.status, body: await answer.json() };
    },
    [path, body, token],
  );

const proposed = (after = 0) => plant.event((event) => event.event === "plan" && event.what === "proposed" && event.detail.proposal > after, "proposal", 240_000);

before(async () => {
  mkdirSync(OUT, { recursive: true });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  plant = await Plant.start({ foreline: FORELINE, folder: join(OUT, "plant"), scenario: join(TREE, "scenarios/demo.toml"), speed: 150, people, scenarios: rehearsals() });
  // The line waits for those who think, as in the demo.
  plant.onEvent = (event) => {
    if (event.event !== "plan" || event.what === "progress") return;
    plant.pace({ started: 20, proposed: 1 }[event.what] ?? 150).catch(() => {});
  };
});

after(async () => {
  await browser?.close();
  await plant?.end();
});

test("a passer-by looks, and cannot act", async () => {
  const page = (desks.passer = await desk("passer-by"));
  await open(page, "overview");
  await page.locator(".link.live").waitFor();
  for (const machine of ["filler", "capper", "labeller", "packer", "palletiser"]) await page.locator(".machine .name", { hasText: machine }).waitFor();
  assert.equal((await send(page, "/api/plan", {})).status, 401);
  assert.equal((await send(page, "/api/acknowledge", { alarm: "filler/bearing-wear" })).status, 401);
  await open(page, "plan");
  assert.equal(await page.getByRole("button", { name: "Ask for a plan" }).count(), 0);
});

test("every page is reached by keyboard, in both languages and on a tablet, without barriers", async () => {
  const page = desks.passer;
  await page.goto("about:blank");
  await open(page, "overview");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  const found = [];
  for (const place of pages) {
    await open(page, place);
    await page.waitForTimeout(300);
    for (const barrier of await barriers(page)) found.push(`${place}: ${barrier}`);
  }
  assert.deepEqual(found, []);
  // Another page begins at its top, and nothing that has the focus is below the header.
  await open(page, "data");
  await page.getByText("Its card").focus();
  assert.ok(await page.evaluate(() => scrollY) > 300);
  await open(page, "scenarios");
  assert.equal(await page.evaluate(() => scrollY), 0);
  await open(page, "plan");
  await page.setViewportSize({ width: 1280, height: 300 });
  await page.locator(".running .charts").getByRole("button").last().evaluate((button) => {
    scrollBy(0, button.getBoundingClientRect().top - 10);
    button.focus({ preventScroll: true });
  });
  await page.keyboard.press("Shift+Tab");
  const [top, header] = await page.evaluate(() => [document.activeElement.getBoundingClientRect().top, document.querySelector(".over").getBoundingClientRect().bottom]);
  assert.ok(top >= header, `what has the focus is at ${top}, the header ends at ${header}`);
  await page.setViewportSize({ width: 1280, height: 800 });
  assert.deepEqual(await english_on_pages(page), []);
  await page.getByLabel("Language").selectOption("zh");
  await open(page, "overview");
  await page.getByText("即将发生").waitFor();
  await picture(page, "quiet-zh");
  await page.getByLabel("语言").selectOption("en").catch(() => page.locator(".language select").selectOption("en"));
  for (const [name, width, height, places] of [["phone", 390, 844, pages], ["tablet", 820, 1180], ["xga", 1024, 768, pages], ["small", 1280, 720], ["wide", 1920, 1080], ["4k", 3840, 2160]]) {
    await page.setViewportSize({ width, height });
    for (const place of places ?? ["overview", "machine/filler", "plan"]) {
      await open(page, place);
      await page.waitForTimeout(200);
      await picture(page, `${place.split("/")[0]}-${name}`);
      assert.deepEqual(await too_small(page), [], `${place} on ${name}`);
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
});

test("a forecast appears with its reasons", async () => {
  const page = (desks.petra = await desk("petra"));
  await open(page, "overview");
  await sign_in(page, "petra");
  await plant.event((event) => event.event === "alarm" && event.what === "raised" && event.subject === "filler/bearing-wear", "alarm", 120_000);
  await page.locator(".coming .alert", { hasText: "filler" }).waitFor();
  await page.locator(".standing li", { hasText: "filler" }).waitFor();
  assert.match(await page.locator(".figure", { hasText: "OEE" }).first().innerText(), /target 85 %/);
  await picture(page, "overview");
  assert.deepEqual(await barriers(page), []);
  await open(page, "machine/filler");
  await page.locator(".reasons tr").first().waitFor();
  assert.match(await page.locator(".reasons").first().innerText(), /vibration|temperature|current/);
  await picture(page, "machine");
  await documented(page, "machine");
  assert.deepEqual(await barriers(page), []);
  // Where its signals go, and when the fault is expected, are two things, and each is said.
  assert.match(await page.locator(".legend").innerText(), /normal band[\s\S]*expected readings while it runs, P10 to P90[\s\S]*time of the fault if it comes within 4 h/);
  const told = await page.evaluate(async () => (await fetch("/api/machine?name=filler")).json());
  for (const signal of told.signals) {
    assert.ok(signal.ahead.at_s.length > 0, signal.name);
    signal.ahead.at_s.forEach((_, i) => assert.ok(signal.ahead.low[i] <= signal.ahead.middle[i] && signal.ahead.middle[i] <= signal.ahead.high[i], signal.name));
  }
  assert.match(await page.getByRole("img", { name: /^vibration/ }).getAttribute("aria-label"), /P10 to P90, and P50: \d+:\d\d .*\d – /);
  assert.match(await page.getByRole("region", { name: "Health of model and data" }).innerText(), /small · [0-9a-f]{12} · language \d[\s\S]*200 simulated days/);
  assert.match(await page.getByRole("region", { name: "Breakdowns and maintenance" }).innerText(), /MTBF[\s\S]*MTTR[\s\S]*since \d+:\d\d/);
  await open(page, "alarms");
  const row = page.locator("tr", { hasText: "filler" }).first();
  await row.getByRole("button", { name: /Acknowledge/ }).click();
  await row.getByText("acknowledged", { exact: true }).waitFor();
  assert.deepEqual(await barriers(page), []);
});

test("an engineer takes an alarm out of service and returns it; nobody else may", async () => {
  const page = (desks.eva = await desk("eva"));
  await open(page, "alarms");
  await sign_in(page, "eva");
  const gives = async (button, why, choose) => {
    await button.click();
    const dialog = page.getByRole("dialog");
    if (choose) await dialog.getByLabel("Alarm").selectOption(choose);
    await dialog.getByLabel("Reason").fill(why);
    assert.deepEqual(await barriers(page), []);
    await dialog.getByRole("button").last().click();
    await dialog.waitFor({ state: "detached" });
  };
  const row = (alarm) => page.locator("tr", { hasText: alarm }).first();
  await gives(page.getByRole("button", { name: "Take an alarm out of service" }), "the sensor is being replaced", "capper/gearbox temperature");
  await row("capper · gearbox temperature").getByText("out-of-service", { exact: true }).waitFor();
  await gives(row("filler").getByRole("button", { name: /^Out of service/ }), "the bearing is on order");
  await row("filler").getByText("out-of-service", { exact: true }).waitFor();
  assert.match(await row("filler").innerText(), /eva · .*: the bearing is on order/);
  assert.equal(await row("filler").getByRole("button", { name: /Acknowledge|Shelve/ }).count(), 0);
  for (const other of [desks.petra, desks.passer])
    assert.ok([401, 403].includes((await send(other, "/api/service", { alarm: "filler/bearing-wear", in_service: true, reason: "x" })).status));
  for (const body of [{ alarm: "filler/bearing-wear" }, { alarm: "no/such", in_service: false, reason: "x" }, { alarm: "filler/bearing-wear", in_service: true, reason: "" }, { alarm: "filler/bearing-wear", in_service: "true", reason: "x" }])
    assert.equal((await send(page, "/api/service", body)).status, 400, JSON.stringify(body));
  await gives(row("filler").getByRole("button", { name: /^Return to service/ }), "replaced");
  await row("filler").getByText("unacknowledged", { exact: true }).waitFor();
  await row("filler").getByRole("button", { name: /^Shelve/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("known");
  await dialog.getByRole("button", { name: "Shelve" }).click();
  await row("filler").getByText(/^shelved until/).waitFor();
  await picture(page, "alarms");
  await documented(page, "alarms");
  await row("filler").getByRole("button", { name: /^Unshelve/ }).click();
  await row("filler").getByText("unacknowledged", { exact: true }).waitFor();
  await gives(row("capper · gearbox temperature").getByRole("button", { name: /^Return to service/ }), "done");
  await row("capper · gearbox temperature").waitFor({ state: "detached" });
  await open(page, "audit");
  const audit = await page.locator("table").innerText();
  for (const part of ["the bearing is on order", "alarm out of service", "alarm in service"]) assert.ok(audit.includes(part), part);
});

test("alarms are filtered by keyboard, the address keeps that, and their load is counted", async () => {
  const page = desks.petra;
  await open(page, "alarms");
  const filters = page.getByRole("search");
  const listed = page.getByRole("group", { name: "Alarms" }).locator("tbody tr");
  await listed.first().waitFor();
  await filters.getByLabel("Machine").focus();
  await page.keyboard.type("capper");
  await page.getByText("No alarm is so.").waitFor();
  assert.match(page.url(), /#\/alarms\?machine=capper$/);
  await filters.getByLabel("Machine").selectOption("filler");
  await filters.getByLabel("Class").selectOption("forecast");
  await filters.getByLabel("Text").fill("bearing");
  assert.equal(await listed.count(), 1);
  assert.match(await listed.innerText(), /Prediction/);
  await page.reload();
  await listed.first().waitFor();
  assert.deepEqual([await filters.getByLabel("Machine").inputValue(), await filters.getByLabel("Text").inputValue()], ["filler", "bearing"]);
  assert.deepEqual(await barriers(page), []);
  await page.getByRole("button", { name: "Priority" }).press("Enter");
  assert.match(page.url(), /sort=priority/);
  await filters.getByRole("button", { name: "Show all" }).press("Enter");
  assert.match(page.url(), /#\/alarms\?sort=priority$/);
  const hostile = "<img src=x onerror=window.bad=1>";
  await page.evaluate((text) => (location.hash = `#/alarms?machine=${encodeURIComponent(text)}&text=${encodeURIComponent(text)}&within=x&sort=__proto__`), hostile);
  await page.getByText("No alarm is so.").waitFor();
  assert.equal(await filters.getByLabel("Text").inputValue(), hostile);
  assert.equal(await page.evaluate(() => window.bad), undefined);
  const load = page.getByRole("group", { name: "Alarm load" });
  const counted = await page.evaluate(async () => (await fetch("/api/alarm-load")).json());
  assert.ok(counted.predictions.raised >= 1 && counted.both.raised === counted.alarms.raised + counted.predictions.raised);
  assert.match(await load.innerText(), /in 10 min, mean[\s\S]*share of the time in flood\s+0\.0 %[\s\S]*80 \/ 15 \/ 5/);
  assert.match(await page.getByRole("group", { name: "Most frequent" }).innerText(), /filler · bearing-wear/);
  for (const place of ["alarms", "machine/filler", "data"]) {
    await open(page, place);
    await page.waitForTimeout(300);
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll("main th:not([scope])")].map((th) => th.textContent)), [], place);
  }
});

test("the data page shows who wins, the calibration and the drift of inputs, and says what it has not", async () => {
  const page = desks.petra;
  await open(page, "data");
  await page.locator(".reliability.before rect").first().waitFor();
  const text = await page.locator("main").innerText();
  const { methods } = JSON.parse(readFileSync(join(TREE, "inference/models/small/evaluation.json"), "utf8"));
  assert.match(text, new RegExp(`Warned in time\\s+${methods.map((method) => method.method).join("\\s+")}`));
  const [, faults] = methods[0].warned["bearing-wear"];
  const bearings = methods.map((method) => method.warned["bearing-wear"][0]).join("\\s+");
  const recalls = methods.map((method) => `${(100 * method.recall).toFixed(1)} %`).join("\\s+");
  assert.match(text, new RegExp(`bearing-wear \\(${faults}\\)\\s+${bearings}`));
  assert.match(text, new RegExp(`all faults\\s+${recalls}`));
  assert.match(text, /on this plant\s+No data yet/);
  assert.match(text, /Drift of the calibration\s+No data yet/);
  assert.equal(await page.locator(".spark").count(), await page.locator("tr:has(.spark)").count());
  const inputs = page.getByRole("group", { name: "Inputs" });
  assert.match(await inputs.innerText(), /did not arrive\s+out of range\s+bad sensor or device\s+stuck\s+outliers \(spikes\)\s+gaps\s+longest, from/);
  assert.match(text, /instants of the sampling grid, \d+ of them not read/);
  await page.getByText("Figures: on judged days").press("Enter");
  assert.equal(await page.locator(".reliability.before .sure").count(), await page.locator("details[open] tbody tr").count());
  await page.getByText("Figures: on judged days").press("Enter");
  await picture(page, "data");
  await documented(page, "data");
  assert.deepEqual(await barriers(page), []);
});

/** The header's pages stand in one row, beside the name of the line and of who looks. */
const header = (page) => page.evaluate(() => {
  const top = document.querySelector("header.top");
  return { rows: new Set([...top.querySelectorAll("nav a")].map((a) => Math.round(a.getBoundingClientRect().top))).size, height: top.getBoundingClientRect().height / parseFloat(getComputedStyle(document.documentElement).fontSize), wide: document.documentElement.scrollWidth > innerWidth + 1 || [...top.children].some((part) => part.getBoundingClientRect().right > innerWidth + 1) };
});

test("seven pages fit the header of a small screen, in both languages", async () => {
  const page = desks.eva;
  await page.setViewportSize({ width: 1280, height: 720 });
  for (const language of ["zh", "en"]) {
    await page.locator(".language select").selectOption(language);
    const { rows, height, wide } = await header(page);
    await picture(page, `header-${language}`);
    assert.deepEqual({ rows, wide }, { rows: 1, wide: false }, language);
    assert.ok(height < 4, `${language}: the header is ${height.toFixed(1)} lines high`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
});

let first;
test("a what-if is simulated, and nobody takes it for live", async () => {
  first = (await proposed()).detail.proposal;
  const page = desks.petra;
  await open(page, "plan");
  const form = page.locator(".what-if").first();
  await form.waitFor();
  assert.deepEqual(await too_small(page), []);
  const open_orders = async () => (await form.locator(".sequence.edit li:not(.frozen)").allInnerTexts()).map((text) => text.split(/\s/)[0]);
  const before = await open_orders();
  await form.getByRole("button", { name: new RegExp(`^Rush ${before.at(-1)}`) }).click();
  assert.deepEqual(await open_orders(), [before.at(-1), ...before.slice(0, -1)]);
  await form.getByRole("button", { name: "Undo" }).click();
  assert.deepEqual(await open_orders(), before);
  await form.getByRole("button", { name: /^Move .* down$/ }).first().click();
  await form.getByRole("button", { name: "Simulate" }).click();
  const result = page.locator(".stamp-result");
  await result.waitFor({ timeout: 180_000 });
  assert.match(await result.getAttribute("aria-label"), /WHAT-IF/);
  assert.match(await result.innerText(), /difference/);
  await picture(page, "what-if");
  await result.evaluate((element) => scrollTo(0, element.getBoundingClientRect().top + scrollY - 90));
  await documented(page, "what-if", false);
  assert.deepEqual(await barriers(page), []);
});

test("the overview says in a glance what comes, when, what is proposed, why, and how sure that is", async () => {
  const page = desks.passer;
  for (const [width, height] of [[1280, 800], [1024, 768]]) {
    await page.setViewportSize({ width, height });
    await open(page, "overview");
    await page.evaluate(() => scrollTo(0, 0));
    const proposed = page.locator(".proposed");
    await proposed.waitFor();
    assert.match(await proposed.innerText(), /filler[\s\S]*because of\s+filler · bearing-wear[\s\S]*downtime[\s\S]*\[.*\][\s\S]*better in \d+ % of 40 futures[\s\S]*waits for a person: \d+ min left/);
    assert.match(await page.locator(".coming").innerText(), /most likely in .* to .*/);
    assert.match(await page.locator(".standing").innerText(), /because of/);
    assert.ok((await proposed.boundingBox()).y + (await proposed.boundingBox()).height <= height, `at ${width} x ${height} one must scroll to what is proposed`);
  }
  await documented(page, "overview");
  // A missing panel, and a text that stands elsewhere, would be seen.
  const kept = await layout_of(page);
  const changed = (selector, style) => page.evaluate(([selector, style]) => Object.assign(document.querySelector(selector).style, style), [selector, style]);
  for (const [selector, style, back, seen] of [[".orders", { display: "none" }, { display: "" }, /^Orders is missing$/m], [".coming h2", { paddingLeft: "6px", marginLeft: "6px" }, { paddingLeft: "", marginLeft: "" }, /^What is coming: h2 What is coming is at \d+ px instead of \d+$/]]) {
    await changed(selector, style);
    assert.match(differences(await layout_of(page), kept).join("\n"), seen);
    await changed(selector, back);
  }
  assert.deepEqual(differences(await layout_of(page), kept), []);
  assert.deepEqual(await barriers(page), []);
  await in_chinese(page, true);
  await documented(page, "overview-zh");
  assert.deepEqual(await english(page), []);
  await in_chinese(page, false);
});

test("a proposal is refused by one who may, with a reason", async () => {
  const page = (desks.anton = await desk("anton"));
  await open(page, "plan");
  await sign_in(page, "anton");
  await page.getByText("waits for a person").waitFor();
  // From P10 to P90, for both schedules, and how likely each order is on time.
  assert.ok(await page.locator('.panel[aria-label="Before and after"] .spread.ends').count() > 10);
  assert.match(await page.locator('.panel[aria-label="Before and after"] table').innerText(), /A-10\d\s+\d:\d\d\s+\d+ % \[\d+ %, \d+ %\]\s+\d+ % \[/);
  // What the running schedule's late orders lost their time to.
  assert.match(await page.locator(".lateness").innerText(), /A-10\d\s+\d+.*(repair \(filler\)|behind A-10\d)/);
  await picture(page, "plan");
  await documented(page, "plan");
  assert.deepEqual(await barriers(page), []);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator(".stamp-result").waitFor();
  await picture(page, "plan-proposed-phone");
  assert.deepEqual(await pushed_sideways(page), []);
  await page.setViewportSize({ width: 1280, height: 800 });
  assert.deepEqual(await english_on_pages(page), []);
  await in_chinese(page, true);
  await open(page, "plan");
  await page.locator(".gate tbody tr").nth(15).waitFor();
  await picture(page, "plan-zh");
  await open(page, "alarms");
  assert.match(await page.locator("tr", { hasText: "filler" }).first().innerText(), /预计 .*后\s*原因：/s);
  await picture(page, "alarms-zh");
  await page.locator(".language select").selectOption("en");
  await open(page, "plan");
  await page.getByRole("button", { name: /^Reject/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: /Second step/ }).click();
  await dialog.getByLabel("Why do you reject?").fill("the spare bearing has not come <b>yet</b>");
  assert.deepEqual(await barriers(page), []);
  await dialog.getByRole("button", { name: "Reject" }).click();
  await plant.event((event) => /rejected by anton/.test(event.text), "rejection", 20_000);
  await page.getByText("rejected").first().waitFor();
});

test("another proposal, asked for by the planner, is approved, written and read back", async () => {
  await plant.pace(20);
  await desks.petra.getByRole("button", { name: "Ask for a plan" }).click();
  const second = (await proposed(first)).detail.proposal;
  assert.equal((await send(desks.petra, "/api/decision/prepare", { proposal: second, approve: true })).status, 403);
  const page = desks.anton;
  await page.getByText("waits for a person").waitFor();
  await page.getByRole("button", { name: /^Approve/ }).click();
  const dialog = page.getByRole("dialog");
  // At both steps: each register with what it holds, what it is to hold, and its limits.
  const registers = async () => {
    await dialog.locator(".registers tbody tr").first().waitFor();
    const rows = await dialog.locator(".registers").first().locator("tbody tr").evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
    assert.ok(rows.length > 2, "nothing would change");
    for (const [address, what, holds, in_force, fresh, limits, by] of rows) {
      const [low, high = low] = limits.split(" – ").map(Number);
      assert.ok(Number(address) > 0 && what && /^\d/.test(holds) && /\(\d+\)$/.test(in_force) && by, `${address}: ${what}`);
      assert.ok(parseInt(fresh) >= low && parseInt(fresh) <= high, `${address}: ${fresh} is not within ${limits}`);
    }
    return rows.map(([address, , , , fresh]) => [Number(address), parseInt(fresh)]);
  };
  const at_first = await registers();
  assert.match(await dialog.innerText(), /What will be read back[\s\S]*holding \d+ to \d+: must be what was staged/);
  await dialog.getByRole("button", { name: /Second step/ }).click();
  await dialog.getByLabel("Why do you approve?").fill("the crew is free at nine");
  assert.deepEqual(await registers(), at_first);
  assert.deepEqual(await barriers(page), []);
  assert.deepEqual(await pushed_sideways(page), []);
  await picture(page, "approve");
  await documented(page, "approve");
  await dialog.getByRole("button", { name: "Approve" }).click();
  await plant.event((event) => event.event === "deploy" && event.what === "confirmed", "read-back", 60_000);
  await page.getByText("confirmed").first().waitFor();
  const back = page.locator(".read-back .registers").first().locator("tbody tr");
  await back.first().waitFor();
  const read = await back.evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  for (const [address, what, written, found, verdict] of read) assert.ok(parseInt(written) === parseInt(found) && verdict.includes("equal"), `${address} ${what}: ${written}, ${found}`);
  const values = new Map(read.map(([address, , written]) => [Number(address), parseInt(written)]));
  for (const [address, word] of at_first) assert.equal(values.get(address), word, `register ${address}`);
  await picture(page, "confirmed");
  await open(page, "audit");
  await page.getByText(/the chain of \d+ lines is whole/).waitFor();
  const audit = await page.locator("table").innerText();
  assert.match(audit, /the spare bearing has not come <b>yet<\/b>/);
  assert.match(audit, /the crew is free at nine/);
  await picture(page, "audit");
  await documented(page, "audit");
});

test("a scenario runs to a verdict, its failing line and a replay", async () => {
  const page = desks.petra;
  await open(page, "scenarios");
  await page.getByText("broken.toml:2").waitFor();
  await page.getByRole("button", { name: "Run bearing.toml" }).click();
  await page.locator("tr", { hasText: "bearing.toml" }).getByText("passed").waitFor({ timeout: 120_000 });
  await page.locator(".verdict").getByLabel("Line time").fill("200");
  await documented(page, "scenarios");
  await page.getByRole("button", { name: "Run impossible.toml" }).click();
  const verdict = page.locator(".verdict", { hasText: "more than the line can make" });
  await verdict.waitFor({ timeout: 120_000 });
  assert.match(await verdict.locator("pre").innerText(), /is = ">= 100000 parts\/h"/);
  assert.match(await verdict.innerText(), /foreline run .*impossible.toml --seed/);
  const time = verdict.getByLabel("Line time");
  await time.fill("100");
  const before = await time.getAttribute("aria-valuetext");
  await verdict.getByRole("button", { name: "Play" }).click();
  await page.waitForFunction((was) => document.querySelector(".verdict input[type=range]").getAttribute("aria-valuetext") !== was, before);
  await verdict.getByRole("button", { name: "Pause" }).click();
  assert.match(await verdict.locator(".states").innerText(), /filler: /);
  await picture(page, "scenarios");
  assert.deepEqual(await barriers(page), []);
  assert.deepEqual(await english_on_pages(page), []);
  await open(page, "scenarios");
  await page.getByRole("button", { name: "Run long.toml" }).click();
  await page.getByText(/^many days: \d+ of 1,?000/).waitFor();
  await page.getByText(/^(\d+ s|\d+ min) to go$/).waitFor();
  assert.equal((await send(desks.passer, "/api/scenario/cancel", {})).status, 401);
  await picture(page, "scenario-runs");
  await page.getByRole("button", { name: "Cancel long.toml" }).click();
  await page.getByText("cancelled by petra").waitFor();
  await page.locator("tr", { hasText: "long.toml" }).getByText("not run yet").waitFor();
  assert.equal(await page.getByRole("progressbar").count(), 0);
  assert.equal((await send(desks.passer, "/api/scenario", { file: "bearing.toml" })).status, 401);
  assert.equal((await send(page, "/api/scenario", { file: "../../secret.toml" })).status, 409);
});

test("a refusal is told in the language of the page", async () => {
  const page = desks.passer;
  await open(page, "overview");
  await in_chinese(page, true);
  await page.getByRole("button", { name: "登录" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("姓名").fill("vera");
  await dialog.getByLabel("密码").fill("something else");
  await dialog.getByRole("button", { name: "登录" }).click();
  await dialog.getByText("姓名或密码错误").waitFor();
  await page.route("**/api/sign-in", (route) => route.abort());
  await dialog.getByRole("button", { name: "登录" }).click();
  await dialog.getByText("插件无响应").waitFor();
  assert.deepEqual(await english(page), []);
  await page.unroute("**/api/sign-in");
  await page.keyboard.press("Escape");
  await in_chinese(page, false);
});

test("rights, tokens, inputs and passwords are checked by the server", async () => {
  const page = desks.passer;
  await open(page, "overview");
  await sign_in(page, "vera");
  assert.equal((await send(page, "/api/acknowledge", { alarm: "filler/bearing-wear" })).status, 403);
  assert.equal((await send(page, "/api/what-if", { futures: 4 })).status, 403);
  // A token that was never one, one of a session that has ended, and one of another's session.
  const before = await desk("petra before");
  await open(before, "overview");
  await sign_in(before, "petra");
  const token_of = (at) => at.evaluate(async () => (await (await fetch("/api/session")).json()).token);
  const ended = await token_of(before);
  const cookies = await before.context().cookies();
  const beside = await before.context().newPage();
  await beside.goto(`${plant.origin}/#/alarms`);
  await beside.locator(".who b", { hasText: "petra" }).waitFor();
  await before.getByRole("button", { name: "Sign out" }).click();
  // The other window is told, goes on showing the line, and offers nothing that needs rights.
  await beside.getByRole("button", { name: "Sign in" }).waitFor({ timeout: 2000 });
  await beside.locator(".link.live").waitFor();
  assert.equal(await beside.getByRole("button", { name: /^(Acknowledge|Shelve)/ }).count(), 0);
  for (const token of ["0".repeat(64), ended, await token_of(page)]) {
    assert.match(token, /^[0-9a-f]{64}$/);
    assert.equal((await send(desks.petra, "/api/plan", {}, token)).status, 403);
  }
  await before.context().addCookies(cookies);
  assert.equal((await send(before, "/api/plan", {}, ended)).status, 401, "an ended session lives on");
  await before.context().close();
  for (const [path, body] of [["/api/acknowledge", { alarm: 7 }], ["/api/acknowledge", { alarm: "x".repeat(5000) }], ["/api/what-if", { futures: 1e9 }], ["/api/what-if", { sequence: ["no such order"] }], ["/api/what-if", []]])
    assert.ok([400, 404, 409, 413, 422].includes((await send(desks.petra, path, body)).status), `${path} ${JSON.stringify(body).slice(0, 60)}`);
  const stranger = await desk("stranger");
  await open(stranger, "overview");
  let told;
  for (let i = 0; i < 7; ++i) told = await send(stranger, "/api/sign-in", { name: "anton", password: `guess number ${i}` });
  assert.equal(told.status, 429);
  assert.equal((await send(stranger, "/api/sign-in", { name: "anton", password: people.anton.password })).status, 429);
  await stranger.context().close();
});

test("what is not live is marked within 3 s, whoever has gone silent", async (context) => {
  const page = desks.passer;
  await open(page, "overview");
  const cable = await wire(new URL(plant.origin).port);
  const far = await desk("far away", cable.origin);
  await far.goto(`${cable.origin}/#/overview`);
  const marked = async (what, at, link, silence, back) => {
    await at.locator(".link.live").waitFor();
    const began = performance.now();
    silence();
    await at.locator(`.link.${link}`).waitFor({ timeout: 10_000 });
    const took_s = (performance.now() - began) / 1000;
    context.diagnostic(`${what}: marked after ${took_s.toFixed(1)} s`);
    assert.ok(took_s < 3, `${what}: marked after ${took_s.toFixed(1)} s only`);
    assert.equal(await at.locator(".machine .state:not(.stale)").count(), 0, `${what}: a value looks live`);
    back();
    await at.locator(".link.live").waitFor();
  };
  for (let round = 0; round < 3; ++round) {
    await marked("the PLC hangs", page, "plc", () => plant.plc.child.kill("SIGSTOP"), () => plant.plc.child.kill("SIGCONT"));
    await marked("the plugin hangs", page, "plugin", () => plant.watch.child.kill("SIGSTOP"), () => plant.watch.child.kill("SIGCONT"));
    await marked("the network is cut", far, "plugin", () => (cable.cut = true), () => (cable.cut = false));
  }
  await far.context().close();
  cable.end();
});

test("a lost PLC is seen within seconds, and so is a lost plugin", async () => {
  const page = desks.passer;
  await open(page, "overview");
  await plant.plc.end("SIGKILL");
  await page.getByText("The PLC does not answer").waitFor({ timeout: 3_000 });
  await page.locator(".machine .stale").first().waitFor();
  assert.equal(await page.locator(".machine .state:not(.stale)").count(), 0, "a value looks live");
  await picture(page, "plc-lost");
  await documented(page, "plc-lost");
  // What the plant has said looks old, with its age, wherever it stands; records, documents and results with a moment of their own do not.
  const kept = { overview: ["Standing alarms", "What happened"], "machine/filler": ["Alarms and forecasts"], alarms: ["Alarm load", "Alarms", "Journal"], plan: ["Earlier plans", "Read back from the PLC", "What if"],
    scenarios: ["Scenarios"], data: ["The link", "Who wins"], audit: ["Audit"] };
  for (const place of pages) {
    await open(page, place);
    await page.locator({ plan: ".watermark", audit: "tbody tr" }[place] ?? ".panel").first().waitFor();
    await page.waitForTimeout(300);
    const panels = await page.evaluate(() => [...document.querySelectorAll("main .panel")].map((panel) => {
      const { filter, backgroundImage } = getComputedStyle(panel);
      return { title: panel.getAttribute("aria-label"), looks: [filter === "grayscale(1)", backgroundImage.includes("gradient"), /^last read .+ ago$/.test(panel.querySelector("header > .age")?.textContent)] };
    }));
    const mixed = panels.filter(({ looks }) => new Set(looks).size > 1);
    assert.deepEqual(mixed, [], `${place}: half old`);
    assert.deepEqual(panels.filter(({ looks }) => !looks[0]).map(({ title }) => title).sort(), kept[place], `${place}: what does not look old`);
    await picture(page, `plc-lost-${place.split("/")[0]}`);
  }
  for (const [place, alarm] of [["overview", ".standing li"], ["alarms", ".cards tbody tr"]]) {
    await open(page, place);
    await page.locator(alarm).nth(1).waitFor();
    for (const one of await page.locator(alarm).all())
      assert.notEqual(/PLC · communication/.test(await one.innerText()), /\bold\b/.test(await one.getAttribute("class")), await one.innerText());
  }
  await page.locator(".top nav .count.old").waitFor(); // so does how many alarms wait
  await open(page, "overview");
  assert.deepEqual(await barriers(page), []);
  assert.deepEqual(await english_on_pages(page), []);
  await plant.watch.end("SIGKILL");
  await page.getByText("The plugin does not answer").waitFor({ timeout: 3_000 });
  await picture(page, "plugin-lost");
});

test("a script in a machine's name is only a name", async () => {
  await plant.end();
  const folder = join(OUT, "hostile");
  mkdirSync(folder, { recursive: true });
  const name = `<img src=x onerror=window.bad=1>`;
  copied(join(TREE, "scenarios/lines/bottling.toml"), join(folder, "line.toml"), [['"packer"', JSON.stringify(name)]]);
  copied(join(TREE, "scenarios/demo.toml"), join(folder, "day.toml"), [["lines/bottling.toml", "line.toml"], ['"orders/', `"${join(TREE, "scenarios/orders")}/`], ['"schedules/', `"${join(TREE, "scenarios/schedules")}/`]]);
  plant = await Plant.start({ foreline: FORELINE, folder: join(folder, "plant"), scenario: join(folder, "day.toml"), speed: 100 });
  const page = await desk("hostile");
  await open(page, "overview");
  await page.locator(".machine .name", { hasText: name }).waitFor();
  await open(page, `machine/${encodeURIComponent(name)}`);
  await page.locator("h2", { hasText: name }).or(page.locator(".tabs a[aria-current]", { hasText: name })).first().waitFor();
  await page.getByRole("img", { name: /^vibration/ }).waitFor();
  await open(page, `alarms?machine=${encodeURIComponent(name)}`);
  assert.equal(await page.getByRole("search").getByLabel("Machine").inputValue(), name);
  await open(page, "data");
  await page.getByRole("group", { name: "Inputs" }).getByText(name).first().waitFor();
  assert.equal(await page.evaluate(() => window.bad), undefined);
});

test("a line with branches, side-by-side units, assembly and rework is drawn as it is laid out", async () => {
  await plant.end();
  const folder = join(OUT, "laid-out");
  mkdirSync(folder, { recursive: true });
  const machine = (name, more) => `[[machine]]\nname = "${name}"\ncycle = "10 s"\n${more}\n[[machine.signal]]\nname = "vibration"\nkind = "vibration"\nnormal = "2 mm/s"\nnoise = "0.1 mm/s"\nrange = ["0 mm/s", "40 mm/s"]\n\n`;
  writeFileSync(join(folder, "line.toml"), 'format = "foreline line 1"\nname = "gearboxes"\nproducts = ["gearbox"]\n\n' +
    machine("housing", "after = []\nbuffer_after = 5") + machine("wheels", "after = []\nbuffer_after = 5") + machine("harden", 'after = ["wheels"]\nunits = 2\nbuffer_after = 5') + machine("join", "takes = { housing = 1, harden = 2 }\nbuffer_after = 5") + machine("test", 'inspection = { detects = "90 %", rework = "100 %", rework_to = "join", rework_max = 1 }'));
  writeFileSync(join(folder, "orders.csv"), "id,product,quantity,release,due,weight\nA,gearbox,200,,8 h,\n");
  writeFileSync(join(folder, "day.toml"), 'format = "foreline scenario 1"\ntitle = "gearboxes"\nline = "line.toml"\norders = "orders.csv"\nhorizon = "8 h"\n');
  plant = await Plant.start({ foreline: FORELINE, folder: join(folder, "plant"), scenario: join(folder, "day.toml"), speed: 50 });
  const page = await desk("laid-out");
  await open(page, "overview");
  await page.locator(".link.live").waitFor();
  await page.locator(".machine .name", { hasText: "join" }).waitFor();
  const at = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll(".flow .machine")].map((card) => [card.querySelector(".name").textContent, card.getBoundingClientRect().toJSON()])));
  const names = Object.keys(at);
  assert.equal(names.length, 6);
  const harden = names.filter((name) => name.startsWith("harden"));
  assert.equal(at.housing.left, at.wheels.left);
  assert.ok(at.housing.bottom <= at.wheels.top, "sources stand above each other");
  assert.equal(at[harden[0]].left, at[harden[1]].left);
  assert.ok(at.wheels.right < at[harden[0]].left && at[harden[0]].right < at.join.left && at.join.right < at.test.left, "parts flow to the right");
  assert.equal(await page.locator(".ways .back").count(), 1);
  assert.match(await page.locator(".takes").innerText(), /2 × harden-1 \+ 1 × housing/);
  // What is in each buffer, and how the line does, is known though it is no plain series.
  await page.waitForFunction(() => [...document.querySelectorAll(".figure .big")].every((figure) => /\d/.test(figure.textContent)), null, { timeout: 60_000 });
  for (const level of await page.locator(".buffer").allInnerTexts()) assert.match(level, /^\d+\s*\/5$/);
  await picture(page, "laid-out");
  await documented(page, "laid-out");
  assert.deepEqual(await barriers(page), []);
  // Where it is too long for the window it goes on below.
  await page.setViewportSize({ width: 500, height: 800 });
  const cards = page.locator(".flow .machine");
  await page.waitForFunction(() => document.querySelectorAll(".flow").length === 2);
  for (const { left, right } of await cards.evaluateAll((all) => all.map((card) => card.getBoundingClientRect().toJSON()))) assert.ok(left >= 0 && right <= 500, `a machine stands at ${left} to ${right} of 500`);
  assert.ok((await page.locator(".flow").nth(1).innerText()).includes("join"));
});

test("marks and bars are told apart, whichever colours one sees", async (context) => {
  const page = await desk("eyes");
  await open(page, "overview");
  const source = readFileSync(join(TREE, "plugin/hmi/web/src/parts.jsx"), "utf8");
  const letters = Object.fromEntries([.../letters = \{([^}]*)\}/.exec(source)[1].matchAll(/(\w+): "(\w?)"/g)].map(([, level, letter]) => [level, letter]));
  const marks = [...source.matchAll(/^ +(\w+): (<path d="[^"]+" \/>),$/gm)].map(([, level, path]) => [level, `<svg class="mark ${level}" viewBox="0 0 24 24">${path}<text x="12" y="${level === "medium" ? 20 : 17}" text-anchor="middle">${letters[level]}</text></svg>`]);
  assert.deepEqual(marks.map(([level]) => level), ["critical", "high", "medium", "low", "forecast", "bad"]);
  const bars = ["work shade0", "work shade1", "work shade2", "work shade3", "changeover", "service", "repair", "waiting-for-crew"].map((what) => [what, `<svg width="48" height="20"><rect class="bar ${what}" x="2" y="2" width="44" height="16" /></svg>`]);
  await page.evaluate((drawings) => {
    document.body.innerHTML = `<div class="panel">${drawings.map(([name, svg]) => `<span data-drawn="${name}">${svg}</span> `).join("")}</div>`;
    document.body.style.fontSize = "40px";
  }, [...marks, ...bars]);
  const debuggers = await page.context().newCDPSession(page);
  const alike = [];
  for (const type of ["none", "deuteranopia", "protanopia", "tritanopia", "achromatopsia"]) {
    await debuggers.send("Emulation.setEmulatedVisionDeficiency", { type });
    const drawn = [];
    for (const [name] of [...marks, ...bars]) drawn.push(await page.locator(`[data-drawn="${name}"] svg`).screenshot());
    const seen = new Map((await colours_of(browser, drawn)).map((colours, i) => [[...marks, ...bars][i][0], colours]));
    const pairs = (list, tell) => list.flatMap(([one], i) => list.slice(i + 1).map(([other]) => [one, other])).filter(([one, other]) => !(one.startsWith("work") && other.startsWith("work"))).map(([one, other]) => ({ one, other, by: tell(seen.get(one), seen.get(other)) }));
    /** The part of a drawing that looks otherwise in the other. */
    const share = (one, other) => one.filter((colour, i) => other[i] && apart(colour, other[i]) > 10).length / one.length;
    const fill = (drawn) => drawn.filter((colour) => colour[0] < 60).sort((a, b) => a[0] - b[0])[Math.floor(drawn.length / 8)];
    const shapes = [...pairs(marks, share), ...pairs(bars, share)];
    const colours = pairs(marks.filter(([level]) => level !== "bad"), (one, other) => apart(fill(one), fill(other)));
    const least = (list) => list.reduce((a, b) => (a.by < b.by ? a : b));
    context.diagnostic(`${type}: shapes at least ${(100 * least(shapes).by).toFixed(0)} % apart (${least(shapes).one}, ${least(shapes).other}), colours ${least(colours).by.toFixed(0)} (${least(colours).one}, ${least(colours).other})`);
    alike.push(...shapes.filter(({ by }) => by < 0.1).map(({ one, other }) => `${type}: ${one} and ${other} look alike`));
    // Who sees no colours at all has shapes and letters.
    if (type !== "achromatopsia") alike.push(...colours.filter(({ by }) => by < 10).map(({ one, other }) => `${type}: ${one} and ${other} have nearly one colour`));
  }
  assert.deepEqual(alike, []);
  await page.context().close();
});

test("a session that nobody uses ends before the eyes of who has left it, and its stream with it", async (context) => {
  await plant.end();
  plant = await Plant.start({ foreline: FORELINE, folder: join(OUT, "idle"), scenario: join(TREE, "scenarios/demo.toml"), speed: 1, people, pages: 'open_to_view = false\nsession_idle = "12 s"\n' });
  const page = await desk("idle");
  const out = page.getByText("Sign in to look at this line.");
  await page.goto(`${plant.origin}/#/machine/filler`);
  await out.waitFor();
  assert.equal(await page.locator(".banner, .link").count(), 0, "that nobody is signed in is no fault of the plugin");
  await sign_in(page, "eva");
  await page.locator(".link.live").waitFor();
  const warned = page.getByRole("dialog", { name: "You will be signed out" });
  const key = async () => (await page.keyboard.press("Shift"), performance.now());
  let acted = await key();
  const seconds = () => (performance.now() - acted) / 1000;
  await warned.waitFor();
  assert.ok(seconds() > 4 && seconds() < 9, `warned after ${seconds()} s of 12`);
  assert.deepEqual(await barriers(page), []);
  await picture(page, "leaving");
  acted = await key();
  await warned.waitFor({ state: "hidden" });
  await warned.waitFor();
  // The page goes on asking, as it always does: that keeps nothing.
  const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const stream = await fetch(`${plant.origin}/api/stream`, { headers: { cookie } });
  assert.equal(stream.status, 200);
  const ended = (async () => { try { for await (const _ of stream.body); } catch { /* cut off */ } return seconds(); })();
  await out.waitFor();
  context.diagnostic(`signed out after ${seconds().toFixed(1)} s, the stream ended after ${(await ended).toFixed(1)} s`);
  assert.ok(seconds() > 11 && seconds() < 14 && (await ended) < 13.2, `${seconds()} ${await ended}`);
  assert.equal(await page.locator("main .panel").count(), 0);
  assert.equal((await fetch(`${plant.origin}/api/stream`, { headers: { cookie } })).status, 401);
  await sign_in(page, "eva");
  await page.locator("main .panel").first().waitFor();
  // Another window of the same browser signs out.
  const other = await page.context().newPage();
  await other.goto(`${plant.origin}/#/alarms`);
  await other.getByRole("button", { name: "Sign out" }).click();
  await out.waitFor({ timeout: 2000 });
});

test("a line that runs in real time tells times by the wall clock of who looks", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "Asia/Kolkata" });
  const page = await context.newPage();
  await page.goto(`${plant.origin}/#/overview`);
  await sign_in(page, "eva");
  await page.locator(".clock", { hasText: /^\d\d:\d\d:\d\d GMT\+5:30$/ }).waitFor();
  const told = await page.evaluate(async () => {
    const [line, { line_time_s }] = await Promise.all(["/api/line", "/api/alarms"].map(async (path) => (await fetch(path)).json()));
    const today = new Date().toDateString();
    // Within a minute: the page says no seconds.
    const wanted = (s) => [-60, 0, 60].map((more) => {
      const due = new Date(Date.now() + 1000 * (s - line_time_s + more));
      return `${due.toDateString() === today ? "" : `${due.toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short" }).replace(",", "")} `}${due.toTimeString().slice(0, 5)}`;
    });
    return [...document.querySelectorAll(".orders tbody tr")].map((row) => {
      const order = line.orders.find(({ id }) => id === row.querySelector("b").textContent);
      const due = row.querySelector("time");
      return { shown: due.textContent, wanted: wanted(order.due_s), beside: due.title, at_s: order.due_s };
    });
  });
  assert.ok(told.length > 3);
  for (const { shown, wanted, beside, at_s } of told) {
    assert.ok(wanted.includes(shown), `${shown} is none of ${wanted}`);
    assert.equal(beside, `Line time ${Math.floor(at_s / 3600)}:${String(Math.floor(at_s / 60) % 60).padStart(2, "0")}:00`);
  }
  assert.deepEqual(await barriers(page), []);
  await picture(page, "wall-clock");
  await page.evaluate(() => (location.hash = "#/audit"));
  await page.locator("tbody tr").first().waitFor();
  assert.equal((await page.locator("body").innerText()).match(/GMT\+5:30/g).length, 1, "the zone is named once");
  await context.close();
});

test("nothing was asked of another host, and no page broke", () => assert.deepEqual(noted, []));
