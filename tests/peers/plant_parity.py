# SPDX-License-Identifier: Apache-2.0
"""A plant model in transformers: the words that `foreline forecast` prints, fed as sums of embeddings,
must give its probabilities. usage: plant_parity.py FORELINE FOLDER DATA.toml"""
import json
import os
import sys

import torch
from transformers import GPT2LMHeadModel

from parity import folder, run

data = sys.argv[3]
run("train", "--data", data, "--gpt-steps", "60", "--members", "1", "--no-trees", "--out", folder)
forecasts = json.loads(run("forecast", "--model", folder, "--data", data, "--json"))
plant = json.load(open(os.path.join(folder, "plant.json")))
vocabulary = json.load(open(os.path.join(folder, "vocab.json")))
model = GPT2LMHeadModel.from_pretrained(folder).eval()
embedding = model.transformer.wte.weight
levels = {}
for word in vocabulary:
    if "=" in word and not word.endswith("=?"):
        name = word.rpartition("=")[0]
        levels[name] = levels.get(name, 0) + 1
bands = {name: sum(word.startswith(name + "~") for word in vocabulary) for name in levels}


def tokens_of(group, word):
    name, level = f"{group}.{word.split('=')[0]}", word.split("=")[1]
    found = [vocabulary[f"{name}={level}"]]
    if level != "?" and bands[name]:
        found.append(vocabulary[f"{name}~{int(level) // plant['band']}"])
    return found


answers = [vocabulary[f"bin {b}"] for b in range(plant["bins"])] + [vocabulary["none"]]
width = plant["horizon"] / plant["bins"]
worst = 0.0
for forecast in forecasts:
    positions = []
    for part in forecast["words"].split(" | "):
        group, _, words = part.rpartition(": ")
        ids = [token for word in words.split(" ") for token in tokens_of(group, word)]
        positions.append(embedding[ids].sum(0))
    positions.append(embedding[vocabulary[f"when {plant['kinds'][0]}?"]])
    with torch.no_grad():
        logits = model(inputs_embeds=torch.stack(positions)[None]).logits[0, -1, answers]
    shares = torch.softmax(logits / plant["temperature"], 0)
    for horizon, told in zip(plant["horizons"], forecast["within"]):
        inside = sum(float(shares[b]) * min(max(horizon / width - b, 0.0), 1.0) for b in range(plant["bins"]))
        worst = max(worst, abs(inside - told))
print(f"{len(forecasts)} forecasts, {len(plant['horizons'])} horizons each, furthest apart {worst:.2e}")
sys.exit(0 if forecasts and worst < 1e-3 else 1)
