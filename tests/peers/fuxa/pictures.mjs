// SPDX-License-Identifier: Apache-2.0
// A person at FUXA: looks at the view, at the alarm and at the connection, and presses Acknowledge.
// ARGS: address folder chromium modules
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [address, folder, executablePath, modules] = process.argv.slice(2);
const { chromium } = createRequire(join(resolve(modules), "package.json"))("playwright-core");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  page.setDefaultTimeout(30_000);
  // FUXA's page asks other hosts for fonts and maps, which would be waited for.
  await page.route((url) => url.origin !== address, (route) => route.abort());
  await page.goto(`${address}/`);
  const value = (id) => page.locator(`#VAL_${id} text`);
  await page.waitForFunction(() => document.querySelector("#VAL_wear_state text")?.textContent === "1");
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, "fuxa-alarm.png") });
  // FUXA's own alarm: behind the bell.
  await page.mouse.click(1155, 24);
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, "fuxa-alarms.png") });
  await page.reload();
  await page.waitForFunction(() => document.querySelector("#VAL_wear_state text")?.textContent === "1");
  await page.locator("[id='B-HXB_acknowledge']").click();
  await page.waitForFunction(() => document.querySelector("#VAL_wear_state text")?.textContent !== "1");
  await page.waitForTimeout(1000);
  await page.screenshot({ path: join(folder, "fuxa-acknowledged.png") });
  console.log("state", await value("wear_state").textContent());
  await page.goto(`${address}/device`);
  await page.getByRole("button", { name: "Close" }).last().click();
  await page.waitForTimeout(1000);
  await page.screenshot({ path: join(folder, "fuxa-device.png") });
} finally {
  await browser.close();
}
