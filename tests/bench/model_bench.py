# SPDX-License-Identifier: Apache-2.0
"""A GPT-2 in Foreline and in PyTorch (transformers' GPT2LMHeadModel) in one run, the same model,
tokens, threads and machine, each in turn; one JSON line a kind of work with the ratio of tokens/s.
CPU time is compared too: it says more than wall time where other programs run.
usage: model_bench.py FORELINE MODEL_FOLDER [THREADS]   (foreline bench model --size 124M --keep MODEL_FOLDER)"""
import json
import resource
import subprocess
import sys
import time

foreline, folder = sys.argv[1:3]
threads = int(sys.argv[3]) if len(sys.argv) > 3 else 2


def own(precision):
    ran = subprocess.run([foreline, "bench", "model", "--model", folder, "--precision", precision, "--threads",
                          str(threads), "--json", "--seconds", "60"], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines() if "tokens_per_s" in line]


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def best(work, passes):
    work()
    walls, cpus = [], []
    for _ in range(passes):
        began, cpu_began = time.perf_counter(), cpu()
        work()
        walls.append(time.perf_counter() - began)
        cpus.append(cpu() - cpu_began)
    return min(walls), min(cpus)


try:
    import torch
    from transformers import GPT2LMHeadModel
except ImportError as error:
    print(json.dumps({"peer": "PyTorch", "absent": str(error)}))
    sys.exit(0)
torch.set_num_threads(threads)
for precision in ("f32", "bf16"):
    rows = own(precision)
    model = GPT2LMHeadModel.from_pretrained(folder).eval()
    if precision == "bf16":
        model = model.bfloat16()
    with torch.inference_mode():
        for row in rows:
            batch, context = row["batch"], row["context"]
            if row["bench"] == "prefill":
                ids = torch.arange(context).remainder(model.config.vocab_size).view(1, -1)
                tokens = context
                head = model.lm_head

                def work():
                    hidden = model.transformer(ids, use_cache=True).last_hidden_state
                    head(hidden[:, -1])
            else:
                ids = torch.arange(context - 8).remainder(model.config.vocab_size).view(1, -1).repeat(batch, 1)
                tokens = batch
                state = [model(ids[:1], use_cache=True).past_key_values]
                if batch > 1:
                    if hasattr(state[0], "batch_repeat_interleave"):
                        state[0].batch_repeat_interleave(batch)
                    else:
                        state[0] = tuple(tuple(x.repeat(batch, 1, 1, 1) for x in layer) for layer in state[0])
                step = torch.zeros(batch, 1, dtype=torch.long)

                def work():
                    state[0] = model(step, past_key_values=state[0], use_cache=True).past_key_values
            wall, used = best(work, 3 if row["bench"] == "prefill" else 8)
            print(json.dumps({
                "bench": row["bench"], "precision": precision, "threads": threads, "batch": batch, "context": context,
                "tokens_per_s": round(row["tokens_per_s"], 2), "share_of_ceiling": round(row["share"], 3),
                "peer": "PyTorch " + torch.__version__, "peer_tokens_per_s": round(tokens / wall, 2),
                "ratio": round(row["tokens_per_s"] * wall / tokens, 2),
                "ratio_by_cpu_time": round(used / row["cpu_s"], 2)}), flush=True)
