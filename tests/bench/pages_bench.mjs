// SPDX-License-Identifier: Apache-2.0
// What fifty people who look at the pages cost, and how old a value is when a browser has drawn it. The
// line, the PLC and the plugin are the real programs; one JSON line a measurement. CPU is that of the
// plugin's process: polls, forecasts and pages together, and without the clients.
//   node tests/bench/pages_bench.mjs FORELINE MODULES [SECONDS] [CLIENTS]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Plant } from "../browser/plant.mjs";

const [foreline, modules, seconds = "20", clients = "50"] = process.argv.slice(2);
const tree = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const { chromium } = createRequire(join(resolve(modules), "package.json"))("playwright-core");
const wait = (s) => new Promise((done) => setTimeout(done, 1000 * s));
const tell = (values) => console.log(JSON.stringify(values));

/** Seconds of CPU that a process has used; /proc counts hundredths. */
function cpu_s(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];

/** A client as a browser is one: it takes the stream, and counts what it was told. */
function client(origin) {
  const seen = { states: 0, bytes: 0 };
  seen.request = get(`${origin}/api/stream`, { headers: { Accept: "text/event-stream" }, agent: false }, (answer) => {
    answer.on("data", (data) => {
      seen.bytes += data.length;
      seen.states += data.toString().split("event: state").length - 1;
    });
  });
  seen.request.on("error", () => {});
  return seen;
}

const folder = join(tmpdir(), `foreline-pages-bench-${process.pid}`);
const plant = await Plant.start({ foreline, folder, scenario: join(tree, "scenarios/demo.toml"), speed: 1 });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });
try {
  const pid = plant.watch.child.pid;
  await wait(5);
  const share = async () => {
    const before = [cpu_s(pid), performance.now()];
    await wait(Number(seconds));
    return (100 * (cpu_s(pid) - before[0])) / ((performance.now() - before[1]) / 1000);
  };
  const alone = await share();
  const all = Array.from({ length: Number(clients) }, () => client(plant.origin));
  await wait(3);
  const first = all.map(({ states }) => states);
  const with_clients = await share();
  const rates = all.map(({ states }, i) => (states - first[i]) / Number(seconds)).sort((a, b) => a - b);
  tell({ bench: "pages", what: "clients", clients: all.length, seconds: Number(seconds), cpu_percent_alone: alone, cpu_percent: with_clients, cpu_percent_of_clients: with_clients - alone, states_a_second_least: rates[0], states_a_second_most: rates.at(-1), bytes_a_state: Math.round(all[0].bytes / all[0].states) });

  // From the plugin's having read a value to the frame after the page's clock shows its time.
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(() => {
    window.drawn = [];
    const Source = window.EventSource;
    window.EventSource = class extends Source {
      constructor(...more) {
        super(...more);
        this.addEventListener("state", (message) => (window.told = JSON.parse(message.data)));
      }
    };
  });
  await page.goto(`${plant.origin}/#/overview`);
  await page.locator(".link.live").waitFor();
  await page.evaluate(() => {
    let read = 0;
    new MutationObserver(() => {
      const { wall_ms, age_s } = window.told;
      const polled = wall_ms - 1000 * age_s;
      if (polled - read < 1) return;
      read = polled;
      requestAnimationFrame(() => setTimeout(() => window.drawn.push(Date.now() - polled)));
    }).observe(document.querySelector(".clock"), { subtree: true, characterData: true, childList: true });
  });
  await wait(Number(seconds));
  const ages = (await page.evaluate(() => window.drawn)).sort((a, b) => a - b);
  tell({ bench: "pages", what: "poll to screen", clients: all.length + 1, values: ages.length, ms_median: quantile(ages, 0.5), ms_p95: quantile(ages, 0.95), ms_most: ages.at(-1) });
  for (const { request } of all) request.destroy();
} finally {
  await browser.close();
  await plant.end();
}
