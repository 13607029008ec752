# SPDX-License-Identifier: Apache-2.0
"""The network of a plant model in Foreline and in PyTorch in one run: the same GPT-2, tokens a position, batch and
AdamW, one thread. PyTorch is tried eagerly and through torch.compile, in f32; the quicker counts. Its batches are made
beforehand, ours are made and blurred within the step. CPU milliseconds, JSON lines with the ratio.
usage: plant_torch_bench.py BENCH_PLANT_SPEED [--steps 200] [--no-compile]"""
import argparse
import json
import subprocess
import sys

from ours import cpu_s, rounded, say

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    say({"peer": "PyTorch", "absent": str(error)})
    sys.exit(0)


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.mlp_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, e = x.shape
        q, k, v = self.attn(self.ln_1(x)).view(b, t, 3, self.heads, e // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, e)
        x = x + F.dropout(self.proj(y), self.dropout, self.training)
        h = F.gelu(self.fc(self.ln_2(x)), approximate="tanh")
        return x + F.dropout(self.mlp_proj(h), self.dropout, self.training)


class Model(nn.Module):
    """Logits of the answers after the last position; a position is the sum of its tokens' embeddings."""

    def __init__(self, shape):
        super().__init__()
        width, self.positions = shape["width"], shape["positions"]
        self.answers = slice(shape["first_answer"], shape["first_answer"] + shape["answers"])
        self.wte = nn.EmbeddingBag(shape["vocabulary"], width, mode="sum")
        self.wpe = nn.Embedding(self.positions, width)
        self.blocks = nn.ModuleList(Block(width, shape["heads"], shape["dropout"]) for _ in range(shape["layers"]))
        self.ln_f = nn.LayerNorm(width)
        for embedding in (self.wte, self.wpe):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, ids, offsets):
        x = self.wte(ids, offsets).view(-1, self.positions, self.wpe.weight.shape[1]) + self.wpe.weight
        for block in self.blocks:
            x = block(x)
        return self.ln_f(x[:, -1]) @ self.wte.weight[self.answers].T


def batch_of(shape, size):
    """Random tokens, spread over the positions as evenly as may be."""
    ids = torch.randint(0, shape["vocabulary"], (size * shape["tokens"],))
    within = torch.arange(shape["positions"]) * shape["tokens"] // shape["positions"]
    return ids, (torch.arange(size)[:, None] * shape["tokens"] + within).flatten()


def median_ms(work, times):
    each = []
    for _ in range(times + 3):
        began = cpu_s()
        work()
        each.append(1e3 * (cpu_s() - began))
    each = sorted(each[3:])
    return each[len(each) // 2]


def training_ms(shape, compiled, steps):
    torch.manual_seed(1)
    model = Model(shape).train()
    run = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    parameters = list(model.parameters())
    averaged = [p.detach().clone() for p in parameters]
    batches = [batch_of(shape, shape["batch"]) for _ in range(16)]
    labels = torch.softmax(torch.randn(shape["batch"], shape["answers"]), -1)
    seen = torch.rand(shape["batch"])
    centres = torch.linspace(0, 1, shape["answers"])
    at = [0]

    def step():
        at[0] += 1
        optimizer.zero_grad(set_to_none=True)
        logits = run(*batches[at[0] % len(batches)])
        expected = torch.softmax(logits, -1) @ centres
        loss = F.cross_entropy(logits, labels) + F.mse_loss(expected, seen)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(averaged, parameters, 1 - shape["average"])

    return median_ms(step, steps)


def forecast_ms(shape, compiled, size, times):
    model = Model(shape).eval()
    run = torch.compile(model) if compiled else model
    ids, offsets = batch_of(shape, size)
    with torch.inference_mode():
        return median_ms(lambda: torch.softmax(run(ids, offsets), -1), times) / size


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("bench_plant_speed")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)

    def measured(members):
        ran = subprocess.run([options.bench_plant_speed, str(options.steps), str(members)], capture_output=True,
                             text=True, check=True)
        shape, *rows = [json.loads(line) for line in ran.stdout.splitlines()]
        return shape, {row["work"]: row["ms"] for row in rows}

    shape, own = measured(8)
    say(shape)
    if "skipped" in shape:
        return 0
    works = {
        "training step": lambda compiled: training_ms(shape, compiled, options.steps),
        "batch, one network": lambda compiled: min(forecast_ms(shape, compiled, size, 30) for size in (64, 512)),
        "one, one network": lambda compiled: forecast_ms(shape, compiled, 1, 200),
    }
    peers = {work: {"eager": measure(False)} for work, measure in works.items()}
    if not options.no_compile:
        for work, measure in works.items():
            peers[work]["torch.compile"] = measure(True)
    again = measured(1)[1]
    for work, ms in own.items():
        row = {"work": work, "cpu_ms": rounded(ms)}
        if work in works:
            peer = peers[work]
            ms = min(ms, again[work])
            row["cpu_ms"] = rounded(ms)
            how = min(peer, key=peer.get)
            row |= {"peer": f"PyTorch {torch.__version__}", "how": how, "peer_cpu_ms": rounded(peer[how]),
                    "others": {h: rounded(value) for h, value in peer.items() if h != how},
                    "ratio": round(peer[how] / ms, 2)}
        elif work.endswith((", all networks", ", trees")):
            xgboost = own[work.split(",")[0] + ", XGBoost"]
            row |= {"peer": "XGBoost", "peer_cpu_ms": rounded(xgboost), "ratio": round(xgboost / ms, 2)}
        say(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
