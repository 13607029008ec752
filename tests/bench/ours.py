# SPDX-License-Identifier: Apache-2.0
"""What the benches beside peers share: Foreline's own rows, and JSON lines with ratios."""
import json
import resource
import subprocess
import time


def cpu_s(who=resource.RUSAGE_SELF):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def say(record):
    print(json.dumps(record), flush=True)


def rounded(value):
    return float(f"{value:.4g}")


def model_rows(foreline, folder, precision, works, threads, seconds=60):
    """{work: row of `foreline bench model --json`} for works like "prefill:512" and "decode:8x256"."""
    command = [foreline, "bench", "model", "--model", folder, "--precision", precision, "--threads", str(threads),
               "--json", "--seconds", str(seconds)]
    for work in works:
        command += ["--work", work]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    return {row["work"]: row for row in rows if "work" in row}


def training_rows(bench_training, model, threads, steps):
    """{"f32": row, "bf16": row} of bench_training."""
    ran = subprocess.run([bench_training, "--only", model, "--threads", str(threads), "--steps", str(steps)],
                         capture_output=True, text=True, check=True)
    return {row["products"]: row for row in map(json.loads, ran.stdout.splitlines())}


def best_of(old, new, key="tokens_per_s"):
    """Of two rows of the same work the faster one, with the lesser CPU time of both."""
    if old is None:
        return new
    row = dict(new if new[key] > old[key] else old)
    for name in ("cpu_s", "cpu_s_per_step_median"):
        if name in old and name in new:
            row[name] = min(old[name], new[name])
    return row


def quickest(work, passes, hopeless=5.0):
    """Least wall and CPU seconds of a pass, after one to warm up; a pass of more than `hopeless` seconds is enough."""
    walls, cpus = [], []
    while len(walls) <= passes:
        began, cpu_began = time.perf_counter(), cpu_s()
        work()
        walls.append(time.perf_counter() - began)
        cpus.append(cpu_s() - cpu_began)
        if walls[-1] > hopeless:
            break
    return min(walls), min(cpus)
