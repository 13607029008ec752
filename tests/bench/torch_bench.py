# SPDX-License-Identifier: Apache-2.0
"""A GPT-2 in Foreline and in PyTorch in one run, the same weights, tokens, threads and machine, each in turn; a JSON
line a kind of work with the ratio of tokens/s. PyTorch is tried in several ways: transformers' GPT2LMHeadModel, a plain
module with scaled_dot_product_attention and a cache of fixed size, and that module through torch.compile with frozen
weights. `how` names the quickest in the same numbers, `ratio_to_any` is against the quickest in any numbers. CPU time
is compared too: it says more than wall time where other programs run.
usage: torch_bench.py FORELINE MODEL_FOLDER [--threads 2] [--only decode] [--no-compile] [--f32] [--batches 1 8 32]
       (foreline bench model --size 124M --keep MODEL_FOLDER)"""
import argparse
import json
import os
import sys

from ours import best_of, model_rows, quickest, rounded, say

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    say({"peer": "PyTorch", "absent": str(error)})
    sys.exit(0)


class Plain(nn.Module):
    """GPT-2 with linear layers (weights as nn.Linear wants them) and a cache of `room` positions."""

    def __init__(self, config, tensors, number):
        super().__init__()
        self.heads, self.layers = config["n_head"], config["n_layer"]
        self.epsilon = config["layer_norm_epsilon"]
        take = lambda name: nn.Parameter(tensors[name].to(number), requires_grad=False)  # noqa: E731
        self.wte, self.wpe = take("wte.weight"), take("wpe.weight")
        self.norm = nn.ParameterList([take("ln_f.weight"), take("ln_f.bias")])
        self.blocks = nn.ModuleList()
        for layer in range(self.layers):
            block = nn.ParameterDict()
            for part in ("ln_1", "ln_2"):
                block[part + "_w"], block[part + "_b"] = take(f"h.{layer}.{part}.weight"), take(f"h.{layer}.{part}.bias")
            for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"):
                key = part.replace(".", "_")
                block[key + "_w"] = nn.Parameter(tensors[f"h.{layer}.{part}.weight"].t().contiguous().to(number),
                                                 requires_grad=False)
                block[key + "_b"] = take(f"h.{layer}.{part}.bias")
            self.blocks.append(block)

    def forward(self, ids, positions, keys, values, mask):
        """Logits after the last position. mask None: causal from position 0 on, the cache is written only."""
        batch, count = ids.shape
        x = F.embedding(ids, self.wte) + self.wpe[positions]
        width = x.shape[-1]
        for layer, block in enumerate(self.blocks):
            h = F.layer_norm(x, (width,), block["ln_1_w"], block["ln_1_b"], self.epsilon)
            q, k, v = F.linear(h, block["attn_c_attn_w"], block["attn_c_attn_b"]).view(
                batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            keys[layer].index_copy_(2, positions, k)
            values[layer].index_copy_(2, positions, v)
            if mask is None:
                y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            else:
                y = F.scaled_dot_product_attention(q, keys[layer], values[layer], attn_mask=mask)
            x = x + F.linear(y.transpose(1, 2).reshape(batch, count, width), block["attn_c_proj_w"],
                             block["attn_c_proj_b"])
            h = F.layer_norm(x, (width,), block["ln_2_w"], block["ln_2_b"], self.epsilon)
            h = F.gelu(F.linear(h, block["mlp_c_fc_w"], block["mlp_c_fc_b"]), approximate="tanh")
            x = x + F.linear(h, block["mlp_c_proj_w"], block["mlp_c_proj_b"])
        return F.linear(F.layer_norm(x[:, -1], (width,), self.norm[0], self.norm[1], self.epsilon), self.wte)


def work_of_plain(config, model, work, number):
    """A function that does `work` once."""
    kind, _, size = work.partition(":")
    batch, context = map(int, size.split("x")) if kind == "decode" else (1, int(size))
    room = context if kind == "prefill" else context + 16
    shape = (batch, config["n_head"], room, config["n_embd"] // config["n_head"])
    keys, values = ([torch.zeros(shape, dtype=number) for _ in range(config["n_layer"])] for _ in range(2))
    if kind == "prefill":
        ids = torch.arange(context).remainder(config["vocab_size"]).view(1, -1)
        positions = torch.arange(context)
        return lambda: model(ids, positions, keys, values, None)
    ids = torch.zeros(batch, 1, dtype=torch.long)
    state = [context - 8]
    mask = torch.full((1, room), float("-inf"), dtype=number)
    mask[:, : state[0]] = 0

    def step():
        at = min(state[0], room - 1)
        mask[:, at] = 0
        model(ids, torch.tensor([at]), keys, values, mask)
        state[0] = at + 1

    return step


def work_of_transformers(model, work):
    kind, _, size = work.partition(":")
    batch, context = map(int, size.split("x")) if kind == "decode" else (1, int(size))
    vocabulary = model.config.vocab_size
    if kind == "prefill":
        ids = torch.arange(context).remainder(vocabulary).view(1, -1)
        return lambda: model.lm_head(model.transformer(ids, use_cache=True).last_hidden_state[:, -1])
    ids = torch.arange(context - 8).remainder(vocabulary).view(1, -1)
    state = [model(ids.expand(batch, -1), use_cache=True).past_key_values]
    step = torch.zeros(batch, 1, dtype=torch.long)

    def decode():
        if state[0].get_seq_length() > context + 8:
            state[0].crop(context - 8)
        state[0] = model(step, past_key_values=state[0], use_cache=True).past_key_values

    return decode


def ways(options, config, tensors, number):
    """(name, a function from a work to a function that does it once)"""
    found = [("plain module", lambda work, m=Plain(config, tensors, number).eval(): work_of_plain(config, m, work, number))]
    if not options.no_compile:
        import torch._inductor.config
        torch._inductor.config.freezing = True
        compiled = torch.compile(Plain(config, tensors, number).eval(), dynamic=False)
        found.append(("torch.compile", lambda work: work_of_plain(config, compiled, work, number)))
    try:
        from transformers import GPT2LMHeadModel
        model = GPT2LMHeadModel.from_pretrained(options.folder, dtype=number).eval()
        found.append(("transformers", lambda work: work_of_transformers(model, work)))
    except ImportError:
        pass
    return found


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("foreline")
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--f32", action="store_true", help="not bf16, which PyTorch computes slowly without bf16 units")
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 8, 32])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    config = json.load(open(os.path.join(options.folder, "config.json")))
    from safetensors.torch import load_file
    tensors = {}
    for file in os.listdir(options.folder):
        if file.endswith(".safetensors"):
            tensors.update(load_file(os.path.join(options.folder, file)))
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    positions = config["n_positions"]
    works = [f"prefill:{min(512, positions)}"]
    works += [f"decode:{batch}x{min(256, positions - 64)}" for batch in options.batches]
    works = [work for work in works if work.startswith(options.only)]
    own, best = {}, {}
    for precision, number in (("f32", torch.float32), ("bf16", torch.bfloat16))[: 1 if options.f32 else 2]:
        def measure_own():
            rows = model_rows(options.foreline, options.folder, precision, works, options.threads)
            for work, row in rows.items():
                own[work, precision] = best_of(own.get((work, precision)), row)
        measure_own()
        with torch.inference_mode():
            for how, make in ways(options, config, tensors, number):
                for work in works:
                    try:
                        once = make(work)
                        if how == "torch.compile":
                            once()
                        wall, used = quickest(once, 3 if work.startswith("prefill") else 8)
                    except Exception as error:  # a way that this version does not have is no way
                        say({"peer": f"PyTorch {torch.__version__}", "how": how, "work": work, "failed": str(error)[:200]})
                        continue
                    kind, _, size = work.partition(":")
                    tokens = int(size) if kind == "prefill" else int(size.split("x")[0])
                    best[work, precision, how] = (tokens / wall, used)
        measure_own()
    for (work, precision), row in own.items():
        same = [(value, how) for (w, p, how), value in best.items() if (w, p) == (work, precision)]
        every = [value for (w, _, _), value in best.items() if w == work]
        if not same:
            continue
        (speed, used), how = max(same)
        say({"work": work, "precision": precision, "threads": options.threads,
             "tokens_per_s": rounded(row["tokens_per_s"]), "share": rounded(row["share"]),
             "peer": f"PyTorch {torch.__version__}", "how": how, "peer_tokens_per_s": rounded(speed),
             "others": {h: rounded(value[0]) for value, h in same if h != how},
             "ratio": round(row["tokens_per_s"] / speed, 2),
             "ratio_to_any": round(row["tokens_per_s"] / max(v[0] for v in every), 2),
             "ratio_by_cpu_time": round(used / row["cpu_s"], 2)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
