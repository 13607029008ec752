# SPDX-License-Identifier: Apache-2.0
"""The search beside CP-SAT (OR-Tools) on the same instances, cores and seconds, one after the other.

    python3 -m venv build/bench && build/bench/bin/pip install ortools==9.15.6755
    build/bench/bin/python tests/bench/cp_sat_bench.py FORELINE DATA SET SECONDS [CORES] [SEED]

SET: flowshop-50x20, jobshop-ta, flexible-mk and so on, as bench_search has them. One JSON object an
instance, then one for the set: both gaps to the best known value. SECONDS are CPU seconds a core for
both, so that other load on the machine does not matter; each uses CORES threads.
"""
import csv
import json
import pathlib
import re
import subprocess
import sys
import threading
import time

from ortools.sat.python import cp_model


def flow_shop(path):
    """Jobs as lists of operations, an operation as a list of (machine, time)."""
    numbers = [int(n) for n in re.findall(r"\d+", path.read_text())]
    jobs, machines = numbers[:2]
    times = numbers[-jobs * machines :]
    return [[[(m, times[m * jobs + j])] for m in range(machines)] for j in range(jobs)], machines


def job_shop(path):
    rows = [row.split() for row in path.read_text().splitlines() if row.strip() and row.strip()[0].isdigit()]
    jobs, machines = int(rows[0][0]), int(rows[0][1])
    shop = []
    for row in rows[1 : jobs + 1]:
        n = [int(x) for x in row]
        shop.append([[(n[i], n[i + 1])] for i in range(0, len(n), 2)])
    return shop, machines


def flexible(path):
    rows = [row.split() for row in path.read_text().splitlines() if row.strip()]
    jobs, machines = int(rows[0][0]), int(rows[0][1])
    shop = []
    for row in rows[1 : jobs + 1]:
        n = iter(int(float(x)) for x in row)
        shop.append([[(next(n) - 1, next(n)) for _ in range(next(n))] for _ in range(next(n))])
    return shop, machines


def cp_sat(shop, machines, permutation, seconds, cores, seed):
    model = cp_model.CpModel()
    horizon = sum(max(t for _, t in op) for job in shop for op in job)
    on_machine = [[] for _ in range(machines)]
    starts, ends = {}, []
    for j, job in enumerate(shop):
        before = None
        for o, operation in enumerate(job):
            start = model.new_int_var(0, horizon, "")
            end = model.new_int_var(0, horizon, "")
            if len(operation) == 1:
                machine, length = operation[0]
                on_machine[machine].append(model.new_interval_var(start, length, end, ""))
            else:
                present = []
                for machine, length in operation:
                    here = model.new_bool_var("")
                    present.append(here)
                    on_machine[machine].append(model.new_optional_interval_var(start, length, end, here, ""))
                model.add_exactly_one(present)
            if before is not None:
                model.add(start >= before)
            before = end
            starts[j, o] = start
        ends.append(before)
    for intervals in on_machine:
        model.add_no_overlap(intervals)
    if permutation:
        # One sequence for all machines: a rank a pair, shared by the machines.
        for a in range(len(shop)):
            for b in range(a + 1, len(shop)):
                first = model.new_bool_var("")
                for o in range(machines):
                    model.add(starts[a, o] + shop[a][o][0][1] <= starts[b, o]).only_enforce_if(first)
                    model.add(starts[b, o] + shop[b][o][0][1] <= starts[a, o]).only_enforce_if(~first)
    makespan = model.new_int_var(0, horizon, "")
    model.add_max_equality(makespan, ends)
    model.minimize(makespan)
    solver = cp_model.CpSolver()
    begun = time.process_time()
    solver.parameters.max_time_in_seconds = 10_000 * seconds  # the CPU time decides
    solver.parameters.num_workers = cores
    solver.parameters.random_seed = seed
    over = threading.Event()

    def watch():
        while not over.wait(0.02):
            if time.process_time() - begun >= seconds * cores:
                solver.stop_search()

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = solver.solve(model)
    over.set()
    watcher.join()
    spent = round(time.process_time() - begun, 2)
    return (solver.objective_value if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None), spent


def main():
    if len(sys.argv) < 5:
        print(__doc__, file=sys.stderr)
        return 2
    foreline, data, wanted, seconds = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], float(sys.argv[4])
    cores = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    seed = int(sys.argv[6]) if len(sys.argv) > 6 else 1
    problem, _, group = wanted.partition("-")
    folder = data / {"flowshop": "flowshop", "jobshop": "jobshop", "flexible": "flexible_jobshop"}[problem]
    ours, theirs = [], []
    for row in csv.DictReader(open(folder / "best_known.csv")):
        if problem == "flowshop":
            if row["class"].replace("_", "x") != group:
                continue
            path = folder / "taillard" / pathlib.Path(row["file"]).name
            best = int(row["bks_classic"])
            shop, machines = flow_shop(path)
        else:
            path = folder / "instances" / (row["instance"] + ".txt")
            if not row["instance"].startswith(group) or not path.exists():
                continue
            best = int(row["upper_bound"])
            shop, machines = (flexible if problem == "flexible" else job_shop)(path)
        answer = subprocess.run(
            [foreline, "solve", "--problem", problem, str(path), "--seconds", str(seconds), "--threads", str(cores),
             "--seed", str(seed), "--json"], capture_output=True, text=True, check=True)
        mine = json.loads(answer.stdout)["makespan"]
        other, spent = cp_sat(shop, machines, problem == "flowshop", seconds, cores, seed)
        ours.append(100 * mine / best - 100)
        theirs.append(None if other is None else 100 * other / best - 100)
        print(json.dumps({"instance": row["instance"], "best_known": best, "foreline": mine, "cp_sat": other,
                          "cp_sat_cpu_s": spent}), flush=True)
    found = [gap for gap in theirs if gap is not None]
    print(json.dumps({"set": wanted, "seconds": seconds, "cores": cores, "seed": seed, "instances": len(ours),
                      "foreline_mean_gap_percent": round(sum(ours) / len(ours), 3),
                      "cp_sat_mean_gap_percent": round(sum(found) / len(found), 3) if found else None,
                      "cp_sat_without_answer": len(theirs) - len(found)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
