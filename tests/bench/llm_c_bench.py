# SPDX-License-Identifier: Apache-2.0
"""Training steps of Foreline and of llm.c's train_gpt2.c in one run, each in turn, twice: the same shape of model,
batch and threads, random weights and tokens; a JSON line a model with the ratio of tokens/s. Needs a checkout of llm.c, of
which train_gpt2.c is compiled as its Makefile does (-Ofast -march=native, OpenMP), with batch, length and number of
steps set; the checkpoint and the tokens are written in its formats. --by-cpu-time, best with --threads 1, tells tokens a CPU second, which other programs change little.
usage: llm_c_bench.py BENCH_TRAINING LLM_C_FOLDER [--threads 2] [--steps 3] [--models 124M small] [--by-cpu-time]"""
import argparse
import array
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

from ours import best_of, rounded, say, training_rows

#: vocabulary, positions, width, layers, heads, batch, tokens: as in bench_training
SHAPES = {"124M": (50257, 1024, 768, 12, 12, 4, 128), "small": (1024, 256, 192, 6, 6, 16, 256)}


def write_checkpoint(path, vocabulary, positions, width, layers, heads):
    """Header of 256 ints, then all tensors in f32, layer by layer within each: wte (padded to 128 rows), wpe, ln1w,
    ln1b, qkvw, qkvb, attprojw, attprojb, ln2w, ln2b, fcw, fcb, fcprojw, fcprojb, lnfw, lnfb."""
    padded = -(-vocabulary // 128) * 128
    header = [20240326, 3, positions, vocabulary, layers, heads, width, padded] + [0] * 248
    square = layers * width * width
    one, zero = struct.pack("<f", 1), struct.pack("<f", 0)
    dice = random.Random(1)
    some = array.array("f", (dice.gauss(0, 0.02) for _ in range(1 << 16)))

    def noise(file, count):
        while count > 0:
            part = min(count, len(some))
            some[:part].tofile(file)
            count -= part

    with open(path, "wb") as file:
        file.write(struct.pack("<256i", *header))
        noise(file, padded * width + positions * width)
        for kind, count in (("one", layers * width), ("zero", layers * width), ("noise", 3 * square),
                            ("zero", 3 * layers * width), ("noise", square), ("zero", layers * width),
                            ("one", layers * width), ("zero", layers * width), ("noise", 4 * square),
                            ("zero", 4 * layers * width), ("noise", 4 * square), ("zero", layers * width),
                            ("one", width), ("zero", width)):
            if kind == "noise":
                noise(file, count)
            else:
                file.write((one if kind == "one" else zero) * count)


def write_tokens(path, vocabulary, count):
    dice = random.Random(2)
    with open(path, "wb") as file:
        file.write(struct.pack("<256i", 20240520, 1, count, *[0] * 253))
        array.array("H", (dice.randrange(vocabulary) for _ in range(count))).tofile(file)


def compiled(llm_c, room, batch, tokens, steps, by_cpu_time):
    source = open(os.path.join(llm_c, "train_gpt2.c")).read()
    for wanted, new in ((r"int B = \d+;", f"int B = {batch};"), (r"int T = \d+;", f"int T = {tokens};"),
                        (r"val_num_batches = \d+;", "val_num_batches = 0;"), (r"step <= 40;", f"step <= {steps};"),
                        (r"gpt2_124M\.bin", "model.bin")):
        source, count = re.subn(wanted, new, source)
        if count == 0:
            raise SystemExit(f"train_gpt2.c has no {wanted}: this bench is for commit f1e2ace or near it")
    if by_cpu_time:
        source = source.replace("CLOCK_MONOTONIC", "CLOCK_PROCESS_CPUTIME_ID")
    path = os.path.join(room, "train.c")
    open(path, "w").write(source)
    program = os.path.join(room, "train")
    subprocess.run(["cc", "-Ofast", "-march=native", "-fno-finite-math-only", "-Wno-unused-result", "-fopenmp", "-DOMP",
                    "-I", llm_c, path, "-lm", "-o", program], check=True)
    return program


def theirs(program, room, threads):
    """Seconds of each step after the first."""
    done = subprocess.run([program], cwd=room, capture_output=True, text=True, check=True,
                          env=dict(os.environ, OMP_NUM_THREADS=str(threads)))
    return [float(ms) / 1000 for ms in re.findall(r"\(took ([\d.]+) ms\)", done.stdout)][1:]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("bench_training")
    parser.add_argument("llm_c")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--models", nargs="*", default=list(SHAPES))
    parser.add_argument("--by-cpu-time", action="store_true")
    options = parser.parse_args()
    if not os.path.exists(os.path.join(options.llm_c, "train_gpt2.c")):
        say({"peer": "llm.c", "absent": f"no train_gpt2.c in {options.llm_c}"})
        return 0
    for model in options.models:
        vocabulary, positions, width, layers, heads, batch, tokens = SHAPES[model]
        own, seconds = {}, []
        with tempfile.TemporaryDirectory() as room:
            program = compiled(options.llm_c, room, batch, tokens, options.steps, options.by_cpu_time)
            write_checkpoint(os.path.join(room, "model.bin"), vocabulary, positions, width, layers, heads)
            data = os.path.join(room, "dev/data/tinyshakespeare")
            os.makedirs(data)
            for part in ("train", "val"):
                write_tokens(os.path.join(data, f"tiny_shakespeare_{part}.bin"), vocabulary,
                             batch * tokens * (options.steps + 2) + 1)
            for _ in range(2):
                rows = training_rows(options.bench_training, model, options.threads, options.steps)
                for products, row in rows.items():
                    own[products] = best_of(own.get(products), row, "tokens_per_s_best")
                seconds += theirs(program, room, options.threads)
        speed = batch * tokens / min(seconds)
        for products, row in own.items():
            mine = row["tokens_per_s_best"]
            if options.by_cpu_time:
                mine = batch * tokens / row["cpu_s_per_step_median"]
            say({"bench": "training", "model": model, "products": products, "threads": options.threads,
                 "by": "CPU time" if options.by_cpu_time else "wall time", "tokens_per_s": rounded(mine),
                 "of_peak_by_cpu_time": row["of_peak_by_cpu_time"], "peer": "llm.c train_gpt2.c (f32)",
                 "peer_tokens_per_s": rounded(speed), "ratio": round(mine / speed, 2)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
