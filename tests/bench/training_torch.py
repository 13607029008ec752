# SPDX-License-Identifier: Apache-2.0
"""The peer of training_bench: the same GPT-2, batch and optimizer in PyTorch, one JSON line for f32
and one for bfloat16 autocast. Uses scaled_dot_product_attention where PyTorch has it.
usage: training_torch.py NAME VOCABULARY WIDTH LAYERS HEADS BATCH TOKENS THREADS STEPS"""
import json
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

name = sys.argv[1]
vocabulary, width, layers, heads, batch, tokens, threads, steps = map(int, sys.argv[2:10])
torch.set_num_threads(threads)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.mlp_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.register_buffer("mask", torch.tril(torch.ones(tokens, tokens)).bool())

    def forward(self, x):
        b, t, e = x.shape
        q, k, v = self.attn(self.ln_1(x)).split(width, dim=2)
        q, k, v = (y.view(b, t, heads, e // heads).transpose(1, 2) for y in (q, k, v))
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) * (e // heads) ** -0.5
            y = scores.masked_fill(~self.mask[:t, :t], float("-inf")).softmax(-1) @ v
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, e))
        h = self.fc(self.ln_2(x))
        h = 0.5 * h * (1 + torch.tanh(0.7978845608028654 * (h + 0.044715 * h**3))) if not hasattr(
            torch.ops.aten, "gelu") else F.gelu(h, approximate="tanh")
        return x + self.mlp_proj(h)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(tokens, width)
        self.blocks = nn.ModuleList(Block() for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


for bf16 in (False, True):
    torch.manual_seed(1)
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.99), weight_decay=0.01)
    ids = torch.randint(0, vocabulary, (batch, tokens))
    labels = torch.randint(0, vocabulary, (batch, tokens))
    walls, cpus = [], []
    for step in range(steps + 1):
        began, cpu_began = time.perf_counter(), cpu()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            logits = model(ids)
        loss = F.cross_entropy(logits.float().view(-1, vocabulary), labels.view(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step > 0:
            walls.append(time.perf_counter() - began)
            cpus.append(cpu() - cpu_began)
    walls.sort(), cpus.sort()
    print(json.dumps({
        "bench": "training", "model": name, "peer": "PyTorch " + torch.__version__,
        "products": "bf16" if bf16 else "f32", "threads": threads, "batch": batch,
        "tokens": tokens, "tokens_per_s_best": round(batch * tokens / walls[0], 1),
        "tokens_per_s_median": round(batch * tokens / walls[len(walls) // 2], 1),
        "cpu_s_per_step_median": round(cpus[len(cpus) // 2], 4), "loss": round(loss.item(), 4)}),
        flush=True)
