# SPDX-License-Identifier: Apache-2.0
"""Lines in SimPy and in foreline: the same lines from an independent program on an independent engine, with
draws of their own, must make the same parts. Welch's interval of the difference at 99.9 % must hold 0 and be
within 1.5 % of the mean on either side.

usage: simpy_lines.py FORELINE FOLDER
"""
import json
import math
import random
import statistics
import subprocess
import sys
from pathlib import Path

import simpy

SEEDS = 40
HOURS = 100


# Distributions: how a line file writes them, and a draw in seconds.
class Times:
    def __init__(self, text, draw):
        self.text, self.draw = text, draw


def exponential(mean):
    return Times(f'{{ distribution = "exponential", mean = "{mean} s" }}', lambda d: d.expovariate(1 / mean))


def weibull(mean, shape):
    scale = mean / math.gamma(1 + 1 / shape)
    return Times(f'{{ distribution = "weibull", mean = "{mean} s", shape = {shape} }}',
                 lambda d: d.weibullvariate(scale, shape))


def gamma(mean, deviation):
    shape = (mean / deviation) ** 2
    return Times(f'{{ distribution = "gamma", mean = "{mean} s", deviation = "{deviation} s" }}',
                 lambda d: d.gammavariate(shape, mean / shape))


def lognormal(mean, deviation):
    square = math.log(1 + (deviation / mean) ** 2)
    return Times(f'{{ distribution = "lognormal", mean = "{mean} s", deviation = "{deviation} s" }}',
                 lambda d: d.lognormvariate(math.log(mean) - square / 2, math.sqrt(square)))


def triangular(low, mode, high):
    return Times(f'{{ distribution = "triangular", low = "{low} s", mode = "{mode} s", high = "{high} s" }}',
                 lambda d: d.triangular(low, high, mode))


class Buffer:
    """Parts in order, and events of who waits for a change."""

    def __init__(self, places):
        self.places, self.parts, self.waiting = places, [], []

    def changed(self):
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            if not event.triggered:
                event.succeed()


class Machine:
    def __init__(self, name, cycle, buffer=0, after=None, takes=None, units=1, trips=None, repair=None, scrap=0,
                 defects=0, detects=0, rework_to=None):
        self.name, self.cycle, self.places, self.after, self.takes = name, cycle, buffer, after, takes
        self.units, self.trips, self.repair, self.scrap = units, trips, repair, scrap
        self.defects, self.detects, self.rework_to = defects, detects, rework_to

    def text(self):
        lines = ["[[machine]]", f'name = "{self.name}"', f"cycle = {self.cycle.text}"]
        if self.places:
            lines.append(f"buffer_after = {self.places}")
        if self.after is not None:
            lines.append(f"after = {json.dumps(self.after)}")
        if self.takes:
            lines.append("takes = { " + ", ".join(f"{k} = {v}" for k, v in self.takes.items()) + " }")
        if self.units > 1:
            lines.append(f"units = {self.units}")
        if self.scrap:
            lines.append(f"scrap = {self.scrap}")
        if self.defects:
            lines.append(f"defects = {self.defects}")
        if self.detects:
            lines.append(f'inspection = {{ detects = {self.detects}, rework = 1.0, rework_to = "{self.rework_to}", '
                         "rework_max = 3 }")
        if self.trips:
            lines += ["[[machine.fault]]", 'kind = "motor-trip"', f"onset = {self.trips.text}",
                      f"repair = {self.repair.text}"]
        return "\n".join(lines) + "\n"


class Plant:
    """The line on SimPy's clock."""

    def __init__(self, machines, crews, seed):
        self.env = simpy.Environment()
        self.crews = simpy.Resource(self.env, crews)
        self.made = 0
        self.buffers = {m.name: Buffer(m.places) for m in machines}
        self.reworks = {m.name: Buffer(math.inf) for m in machines}
        sources = {name for m in machines for name in (m.after or list(m.takes or {}))}
        previous = None
        self.inputs, self.sink = {}, {}
        for m in machines:
            if m.takes:
                self.inputs[m.name] = [(self.buffers[name], count) for name, count in m.takes.items()]
            elif m.after is not None:
                self.inputs[m.name] = [(self.buffers[name], 1) for name in m.after]
            else:
                self.inputs[m.name] = [(self.buffers[previous], 1)] if previous else []
            if previous and m.after is None and not m.takes:
                sources.add(previous)
            previous = m.name
        for m in machines:
            self.sink[m.name] = m.name not in sources
        for number, m in enumerate(machines):
            for unit in range(m.units):
                self.env.process(self.life(m, random.Random(f"{seed}/{number}/{unit}")))

    def life(self, m, dice):
        env, inputs, rework, out = self.env, self.inputs[m.name], self.reworks[m.name], self.buffers[m.name]
        left_to_trip = m.trips.draw(dice) if m.trips else math.inf
        while True:
            while not rework.parts and any(len(b.parts) < n for b, n in inputs):
                wake = env.event()
                for b in [rework] + [b for b, _ in inputs]:
                    b.waiting.append(wake)
                yield wake
            if rework.parts:
                part = rework.parts.pop(0)
            else:
                part = {"defective": False, "reworks": 0}
                for b, n in inputs:
                    taken = [b.parts.pop(0) for _ in range(n)]
                    part = taken[0] if len(inputs) == 1 and n == 1 else part
                    b.changed()
            left = m.cycle.draw(dice)
            while left > 0:
                stretch = min(left, left_to_trip)
                yield env.timeout(stretch)
                left -= stretch
                left_to_trip -= stretch
                if left_to_trip <= 0:
                    with self.crews.request() as crew:
                        yield crew
                        yield env.timeout(m.repair.draw(dice))
                    left_to_trip = m.trips.draw(dice)
            if dice.random() < m.scrap:
                continue
            if dice.random() < m.defects:
                part["defective"] = True
            if part["defective"] and dice.random() < m.detects:
                if part["reworks"] < 3:
                    queue = self.reworks[m.rework_to]
                    queue.parts.append({"defective": False, "reworks": part["reworks"] + 1})
                    queue.changed()
                continue
            if self.sink[m.name]:
                self.made += 1
                continue
            while len(out.parts) >= out.places:
                wake = env.event()
                out.waiting.append(wake)
                yield wake
            out.parts.append(part)
            out.changed()


LINES = {
    "serial, exponential, trips, one crew": (1, [
        Machine(f"m{i}", exponential(20), buffer=4 if i < 4 else 0, trips=exponential(1800), repair=exponential(180))
        for i in range(5)]),
    "units side by side, gamma and triangular cycles, Weibull lives, scrap": (2, [
        Machine("saw", gamma(20, 8), buffer=5),
        Machine("lathe", triangular(45, 60, 90), buffer=4, units=3, trips=weibull(3000, 2.2), repair=lognormal(300, 120)),
        Machine("wash", gamma(19, 4), scrap=0.03)]),
    "assembly of two branches": (1, [
        Machine("body", lognormal(30, 9), buffer=3, after=[]),
        Machine("lid", exponential(14), buffer=6, after=[], trips=exponential(2400), repair=exponential(240)),
        Machine("join", triangular(20, 28, 40), buffer=2, takes={"body": 1, "lid": 2}),
        Machine("pack", gamma(27, 9))]),
    "inspection that sends back": (1, [
        Machine("form", exponential(22), buffer=6),
        Machine("weld", gamma(20, 10), buffer=6, defects=0.12),
        Machine("test", lognormal(18, 6), detects=0.9, rework_to="weld")]),
}


def by_foreline(foreline, folder, crews, machines):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "line.toml").write_text(
        'format = "foreline line 1"\nname = "peer"\nproducts = ["part"]\n' + f"crews = {crews}\n\n" +
        "\n".join(m.text() for m in machines))
    (folder / "orders.csv").write_text("id,product,quantity,release,due,weight\nall,part,60000,,,\n")
    (folder / "day.toml").write_text(
        'format = "foreline scenario 1"\ntitle = "peer"\nline = "line.toml"\norders = "orders.csv"\n'
        f'first_seed = 1\nseeds = {SEEDS}\nhorizon = "{HOURS} h"\nrandom_faults = true\n')
    ran = subprocess.run([foreline, "run", folder / "day.toml", "--json", folder / "made.json"], capture_output=True,
                         text=True)
    if ran.returncode != 0:
        sys.exit(f"foreline run {folder}/day.toml: {ran.stdout}{ran.stderr}")
    verdict = json.loads((folder / "made.json").read_text())[0]
    return [replication["measures"]["throughput"] for replication in verdict["replications"]]


def by_simpy(crews, machines):
    made = []
    for seed in range(SEEDS):
        plant = Plant(machines, crews, seed)
        plant.env.run(until=HOURS * 3600)
        made.append(plant.made / HOURS)
    return made


def main():
    foreline, folder = sys.argv[1], Path(sys.argv[2])
    failed = 0
    for number, (name, (crews, machines)) in enumerate(LINES.items()):
        ours = by_foreline(foreline, folder / str(number), crews, machines)
        theirs = by_simpy(crews, machines)
        mean = statistics.mean(theirs)
        difference = statistics.mean(ours) - mean
        # 3.42: Student's 99.95 % quantile with 78 degrees of freedom
        half = 3.42 * math.sqrt((statistics.variance(ours) + statistics.variance(theirs)) / SEEDS)
        holds = abs(difference) <= half < 0.015 * mean
        failed += not holds
        print(f"{'ok    ' if holds else 'FAILED'} {name}: foreline {statistics.mean(ours):.3f}, SimPy {mean:.3f} parts/h, "
              f"difference {difference:+.3f} +- {half:.3f}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
