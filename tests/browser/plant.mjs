// SPDX-License-Identifier: Apache-2.0
// A line behind a soft PLC with the plugin attached to it, made of the programs that people start.
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

// As quick and as lax as the demo's: the defaults want more futures than a test has time for.
const gate = `
[gate]
least_stretches = 0
least_gain = "1 %"
least_futures = 40
largest_tail_growth = "5 %"
largest_on_time_drop = "50 %"
largest_corner_loss = "40 %"
oldest_state = "1h"
largest_moved = "80 %"
hold_off = "30 min"
`;
const pace_register = 4210; // line seconds per second; docs/integrators/registers.md

/** A program whose lines are heard as they come. */
class Program {
  constructor(file, args) {
    this.lines = [];
    this.waiting = [];
    this.child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.child.on("close", resolve));
    for (const stream of [this.child.stdout, this.child.stderr])
      createInterface({ input: stream }).on("line", (line) => this.hear(line));
    this.child.on("close", () => this.waiting.splice(0).forEach(({ reject, what }) => reject(new Error(`${file} ended before ${what}:\n${this.lines.slice(-5).join("\n")}`))));
  }
  hear(line) {
    this.lines.push(line.slice(0, 2000));
    if (this.lines.length > 200) this.lines.shift();
    this.onLine?.(line);
    this.waiting = this.waiting.filter(({ test, resolve }) => {
      const found = test(line);
      if (found) resolve(found);
      return !found;
    });
  }
  line(test, what) {
    for (const line of this.lines) {
      const found = test(line);
      if (found) return Promise.resolve(found);
    }
    return new Promise((resolve, reject) => this.waiting.push({ test, resolve, reject, what }));
  }
  async end(signal = "SIGTERM") {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }
}

export class Plant {
  /** `scenario` is served `speed` times faster than real time; all that is written goes to `folder`. `pages`: more lines of [hmi]; `more`: of all settings. */
  static async start({ foreline, folder, scenario, speed, people = {}, scenarios, pages = "", more = "" }) {
    const plant = new Plant();
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const plugin = join(folder, "plugin");
    Object.assign(plant, { foreline, plugin, people });
    plant.plc = new Program(foreline, ["serve", scenario, "--speed", String(speed), "--port", "0", "--write-config", plugin]);
    plant.port = await plant.plc.line((line) => Number(/^listening .*:(\d+)$/.exec(line)?.[1]), "it listened");
    for (const [name, { role, password }] of Object.entries(people)) {
      const added = spawnSync(foreline, ["account", "add", join(plugin, "accounts.json"), name, "--role", role], { input: `${password}\n`, encoding: "utf8" });
      if (added.status !== 0) throw new Error(added.stderr);
    }
    const settings = join(plugin, "plugin.toml");
    appendFileSync(settings, `\n[hmi]\ntarget_oee = "85 %"\n${Object.keys(people).length ? 'accounts = "accounts.json"\n' : ""}${scenarios ? `scenarios = "${scenarios}"\n` : ""}${pages}${gate}${more}`);
    await plant.attach();
    return plant;
  }
  async attach() {
    this.watch = new Program(this.foreline, ["watch", join(this.plugin, "plugin.toml"), "--json"]);
    this.events = [];
    this.watch.onLine = (line) => {
      const event = JSON.parse(line);
      if (event.event !== "forecast") this.events.push(event);
      this.onEvent?.(event);
    };
    const started = await this.watch.line((line) => line.includes('"event":"started"') && JSON.parse(line), "it started");
    this.origin = `http://127.0.0.1:${started.hmi_port}`;
  }
  /** Line seconds per second, as a SCADA would write them: one Modbus register. */
  pace(value) {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1", () => {
        const frame = Buffer.from([0, 1, 0, 0, 0, 6, 1, 6, 0, 0, 0, 0]);
        frame.writeUInt16BE(pace_register, 8);
        frame.writeUInt16BE(value, 10);
        socket.write(frame);
      });
      socket.once("data", (answer) => (socket.destroy(), answer[7] === 6 ? resolve() : reject(new Error(`the PLC answered ${answer.toString("hex")}`))));
      socket.once("error", reject);
      socket.setTimeout(5000, () => (socket.destroy(), reject(new Error("the PLC is silent"))));
    });
  }
  event(test, what, for_ms) {
    const known = this.events.find(test);
    if (known) return Promise.resolve(known);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} within ${for_ms / 1000} s; last: ${this.events.slice(-4).map((event) => event.text).join(" | ")}`)), for_ms);
      const before = this.onEvent;
      this.onEvent = (event) => {
        before?.(event);
        if (!test(event)) return;
        clearTimeout(timer);
        this.onEvent = before;
        resolve(event);
      };
    });
  }
  async end() {
    await this.watch?.end();
    await this.plc?.end();
  }
}

/** A wire to a port, that can be cut: nobody is told, and what is on its way is lost. */
export async function wire(port) {
  const ends = new Set();
  const here = { cut: false };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]]) {
      ends.add(from);
      from.on("data", (data) => here.cut || to.write(data)).on("error", () => {}).on("close", () => (ends.delete(from), to.destroy()));
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(here, { origin: `http://127.0.0.1:${server.address().port}`, end: () => (ends.forEach((end) => end.destroy()), server.close()) });
}

/** A copy of a text file of the tree with some words replaced. */
export function copied(from, to, replacements) {
  let text = readFileSync(from, "utf8");
  for (const [what, by] of replacements) {
    if (!text.includes(what)) throw new Error(`${from} does not hold ${what}`);
    text = text.replaceAll(what, by);
  }
  writeFileSync(to, text);
}
