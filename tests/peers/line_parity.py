# SPDX-License-Identifier: Apache-2.0
"""A model of simulated lines in transformers: the sentences that `foreline forecast` prints, fed as
sums of embeddings, must give its probabilities. usage: line_parity.py FORELINE FOLDER SCENARIO.toml"""
import json
import os
import re
import sys

import torch
from transformers import GPT2LMHeadModel

from parity import folder, run

scenario = sys.argv[3]
run("train", "--days", "6", "--validation-days", "2", "--test-days", "0", "--steps", "60",
    "--threads", "1", "--no-trees", "--out", folder)
told = json.loads(run("forecast", scenario, "--model", folder, "--json", "--sentences"))
temperatures = json.load(open(os.path.join(folder, "config.json")))["foreline"]["temperatures"]
vocabulary = json.load(open(os.path.join(folder, "vocab.json")))
model = GPT2LMHeadModel.from_pretrained(folder).eval()
embedding = model.transformer.wte.weight
kinds = ("bearing-wear tool-wear jam motor-trip air-leak overheating belt-slip misalignment imbalance filter-clogging "
         "lubrication-loss winding-short gear-wear valve-stiction controller-fault power-dip").split()
question_words = [word[1:] for word in vocabulary if word.startswith("\u0120ask")]
answers = [vocabulary[f"\u0120within{chr(ord('A') + b)}"] for b in range(len(told["horizons_s"]))]
answers.append(vocabulary["\u0120later"])

compared, worst = 0, 0.0
for machine in told["machines"]:
    if not machine["available"]:
        continue
    groups = [[]]
    for word in machine["sentence"].split(" "):
        if re.fullmatch("[a-z]+Last[A-Z]", word) or word in question_words:
            groups.append([])
        groups[-1].append(vocabulary["\u0120" + word])
    embeds = torch.stack([embedding[group].sum(0) for group in groups])
    with torch.no_grad():
        logits = model(inputs_embeds=embeds[None]).logits[0, :, answers]
    for kind in machine["kinds"]:
        number = kinds.index(kind["kind"])
        shares = torch.softmax(logits[number - len(kinds)] / temperatures[number], 0).cumsum(0)
        for share, within in zip(shares, kind["within"]):
            worst = max(worst, abs(float(share) - within))
            compared += 1
print(f"{compared} probabilities, furthest apart {worst:.2e}")
sys.exit(0 if compared and worst < 1e-3 else 1)
