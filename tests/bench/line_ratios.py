# SPDX-License-Identifier: Apache-2.0
"""The line of ten machines in every engine, one after the other and again: ratios within one run.

usage: line_ratios.py BIN [ROUNDS]     BIN holds bench_line and, where Cimba is installed, bench_line_cimba;
                                       SimPy is taken from this Python. Exits 1 when counts differ.
"""
import json
import os
import statistics
import subprocess
import sys


def rows_of(command):
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def main():
    folder, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    here = os.path.dirname(os.path.abspath(__file__))
    cimba = os.path.join(folder, "bench_line_cimba")
    commands = [[os.path.join(folder, "bench_line"), "10"]]
    if os.path.exists(cimba):
        commands.append([cimba, "10", "800000"])
    else:
        print("Cimba is not installed: left out", file=sys.stderr)
    try:
        import simpy  # noqa: F401
        commands.append([sys.executable, os.path.join(here, "line_simpy.py"), "10", "40000"])
    except ImportError:
        print("SimPy is not installed: left out", file=sys.stderr)
    rates, events = {}, {}
    for _ in range(rounds):
        for command in commands:
            for row in rows_of(command):
                rates.setdefault(row["engine"], []).append(row["events_per_s"])
                events[row["engine"]] = row["events"]
    heap = statistics.median(rates["bare event heap"])
    for engine, measured in rates.items():
        rate = statistics.median(measured)
        print(json.dumps({"bench": "line ratios", "engine": engine, "events_per_s": rate, "of_the_heap": round(rate / heap, 3),
                          "rounds": sorted(measured)}))
    # Engines that run as far must count the same.
    far = {engine: count for engine, count in events.items()
           if engine in ("bare event heap", "replication") or engine.startswith("cimba")}
    print(json.dumps({"bench": "line ratios", "events": far, "equal": len(set(far.values())) == 1}))
    return 0 if len(set(far.values())) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
