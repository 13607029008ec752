# SPDX-License-Identifier: Apache-2.0
"""The line of bench_line in SimPy: machines in series, buffers of 10, exponential work of mean 1 s, trips
after exponential operating times of mean 100 s, exponential repairs of mean 10 s by FIFO crews.

usage: line_simpy.py MACHINES HORIZON_S [SEED]     one JSON line: events, parts, CPU seconds
"""
import json
import random
import sys
import time

import simpy


class Counts:
    events = 0
    parts = 0


def machine(env, dice, crews, inlet, outlet, counts):
    left_to_trip = dice.expovariate(1 / 100)
    while True:
        if inlet is not None:
            yield inlet.get(1)
        left = dice.expovariate(1.0)
        while left > 0:
            stretch = min(left, left_to_trip)
            yield env.timeout(stretch)
            counts.events += 1
            left -= stretch
            left_to_trip -= stretch
            if left_to_trip > 0:
                continue
            with crews.request() as crew:
                yield crew
                yield env.timeout(dice.expovariate(1 / 10))
            counts.events += 2  # the trip and the repair, as the simulator counts
            left_to_trip = dice.expovariate(1 / 100)
        if outlet is not None:
            yield outlet.put(1)
        else:
            counts.parts += 1


def run(machines, horizon_s, seed):
    env = simpy.Environment()
    counts = Counts()
    crews = simpy.Resource(env, capacity=max(2, machines // 5))
    buffers = [simpy.Container(env, capacity=10) for _ in range(machines - 1)]
    for m in range(machines):
        inlet = buffers[m - 1] if m > 0 else None
        outlet = buffers[m] if m + 1 < machines else None
        env.process(machine(env, random.Random(1000 * seed + m), crews, inlet, outlet, counts))
    env.run(until=horizon_s)
    return counts


if __name__ == "__main__":
    machines, horizon_s = int(sys.argv[1]), float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    begun = time.process_time()
    counts = run(machines, horizon_s, seed)
    spent_s = time.process_time() - begun
    print(json.dumps({"bench": "line", "engine": "simpy " + simpy.__version__, "machines": machines,
                      "events": counts.events, "parts": counts.parts, "cpu_s": round(spent_s, 3),
                      "events_per_s": round(counts.events / spent_s)}))
