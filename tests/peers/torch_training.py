# SPDX-License-Identifier: Apache-2.0
"""The peer of torch_training_test: reads a model folder and batches of token ids, takes the gradient
of the first batch by autograd and 200 steps of AdamW in f32.
usage: torch_training.py FOLDER   (config.json, model.safetensors, batches.json; writes
gradient.bin, f32 in the order of the names in batches.json, and losses.json)"""
import json
import struct
import sys

import torch
from torch.nn import functional as F

folder = sys.argv[1]
torch.set_num_threads(1)
config = json.load(open(f"{folder}/config.json"))
task = json.load(open(f"{folder}/batches.json"))
raw = open(f"{folder}/model.safetensors", "rb").read()
(length,) = struct.unpack("<Q", raw[:8])
header = json.loads(raw[8:8 + length])
header.pop("__metadata__", None)
weights = {}
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    values = torch.frombuffer(bytearray(raw[8 + length + begin:8 + length + end]), dtype=torch.float32)
    weights[name.replace("transformer.", "")] = values.view(entry["shape"]).clone().requires_grad_()

heads, width = config["n_head"], config["n_embd"]
epsilon = config["layer_norm_epsilon"]


def act(h):
    if config["activation_function"] == "relu":
        return F.relu(h)
    if config["activation_function"] == "gelu":
        return F.gelu(h)
    return 0.5 * h * (1 + torch.tanh(0.7978845608028654 * (h + 0.044715 * h**3)))


def norm(x, name):
    return F.layer_norm(x, (width,), weights[name + ".weight"], weights[name + ".bias"], epsilon)


def linear(x, name):
    return x @ weights[name + ".weight"] + weights[name + ".bias"]


def loss_of(batch):
    """Mean cross-entropy of the next token over all sequences, which may differ in length."""
    total, count = 0, 0
    for ids in batch:
        ids = torch.tensor(ids)
        t = len(ids)
        x = weights["wte.weight"][ids] + weights["wpe.weight"][:t]
        mask = torch.tril(torch.ones(t, t)).bool()
        for i in range(config["n_layer"]):
            qkv = linear(norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn")
            q, k, v = (y.view(t, heads, width // heads).transpose(0, 1) for y in qkv.split(width, 1))
            scale = (width // heads) ** -0.5 if config.get("scale_attn_weights", True) else 1.0
            if config.get("scale_attn_by_inverse_layer_idx", False):
                scale /= i + 1
            p = (q @ k.transpose(1, 2) * scale).masked_fill(~mask, float("-inf")).softmax(-1)
            x = x + linear((p @ v).transpose(0, 1).reshape(t, width), f"h.{i}.attn.c_proj")
            x = x + linear(act(linear(norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc")), f"h.{i}.mlp.c_proj")
        head = weights.get("lm_head.weight", weights["wte.weight"])
        logits = norm(x, "ln_f") @ head.T
        total = total + F.cross_entropy(logits[:-1], ids[1:], reduction="sum")
        count += t - 1
    return total / count


loss_of(task["batches"][0]).backward()
with open(f"{folder}/gradient.bin", "wb") as out:
    for name in task["names"]:
        out.write(weights[name].grad.numpy().tobytes())
decays = [w for n, w in weights.items() if not n.endswith("bias") and "ln_" not in n]
others = [w for n, w in weights.items() if n.endswith("bias") or "ln_" in n]
optimizer = torch.optim.AdamW([{"params": decays, "weight_decay": task["decay"]},
                               {"params": others, "weight_decay": 0.0}],
                              lr=1.0, betas=(0.9, 0.99), eps=1e-8)
losses = []
for step in range(task["steps"] if task["steps"] else 0):
    optimizer.zero_grad()
    loss = loss_of(task["batches"][step % len(task["batches"])])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = task["rates"][step]
    optimizer.step()
    losses.append(loss.item())
json.dump(losses, open(f"{folder}/losses.json", "w"))
