// SPDX-License-Identifier: Apache-2.0
// The report on paper: A4, nothing cut off, nothing asked of anybody, and what makes it again.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { looks_like } from "./pictures.mjs";

const { FORELINE, TREE, OUT, CHROMIUM, MODULES } = process.env;
const { chromium } = createRequire(join(resolve(MODULES), "package.json"))("playwright-core");
const mm = 96 / 25.4;

test("the report prints on A4, and asks nobody for anything", async () => {
  mkdirSync(OUT, { recursive: true });
  const report = join(OUT, "report.html");
  const made = spawnSync(FORELINE, ["report", join(TREE, "tests/browser/story.json"), "--out", report], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const page = await browser.newPage({ viewport: { width: Math.round((210 - 26) * mm), height: Math.round((297 - 29) * mm) } });
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`file://${report}`);
    assert.deepEqual(asked, [`file://${report}`]);
    const size = page.viewportSize();
    await page.setViewportSize({ width: 1040, height: 1500 });
    await page.screenshot({ path: join(OUT, "report.png") });
    await looks_like(browser, join(OUT, "report.png"), join(TREE, "docs/report.png"), 0.5);
    await page.setViewportSize(size);
    await page.emulateMedia({ media: "print" });
    const wide = await page.evaluate(() => [...document.querySelectorAll("body *")].filter((part) => part.getBoundingClientRect().right > innerWidth + 1).map((part) => part.outerHTML.slice(0, 80)));
    assert.deepEqual(wide, []);
    // No word is broken for want of room, but numbers without end and figures in braces.
    const broken = await page.evaluate(() => [...document.querySelectorAll("td:not(.long)")].filter((cell) => {
      const words = document.createRange();
      return [...cell.childNodes].some((node) => node.nodeType === 3 && [...node.data.matchAll(/(?<![\w-])[\w-]{2,20}(?![\w-])/g)].some((word) => {
        words.setStart(node, word.index);
        words.setEnd(node, word.index + word[0].length);
        return words.getClientRects().length > 1 && !word[0].includes("-");
      }));
    }).map((cell) => cell.textContent));
    assert.deepEqual(broken, []);
    // What is taller than a page would be cut in two.
    const tall = await page.evaluate(() => [...document.querySelectorAll("svg, tr, pre")].filter((part) => part.getBoundingClientRect().height > innerHeight || getComputedStyle(part).breakInside !== "avoid").length);
    assert.equal(tall, 0);
    const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true, path: join(OUT, "report.pdf") });
    const boxes = [...pdf.toString("latin1").matchAll(/\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/g)].map((box) => [Math.round(box[1]), Math.round(box[2])]);
    assert.ok(boxes.length >= 2 && boxes.length <= 8, `${boxes.length} pages`);
    for (const box of boxes) assert.ok(Math.abs(box[0] - 595) <= 1 && Math.abs(box[1] - 842) <= 1, `a page of ${box}`);
    const text = await page.locator("body").innerText();
    assert.equal(await page.locator("svg:has(rect.spread)").count(), 2);
    assert.equal(await page.locator("svg:has(rect.due)").count(), 4);
    for (const part of ["What was expected", "Before and after", "The gate", "how to make it again", "foreline demo"]) assert.ok(text.includes(part), part);
  } finally {
    await browser.close();
  }
});
