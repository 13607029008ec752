# SPDX-License-Identifier: Apache-2.0
"""The peer of bench_tokenizer: the Rust package tokenizers on one core, each line by itself and all
lines as one batch. usage: tokenizer_rust.py FOLDER TEXT"""
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers  # noqa: E402

folder, text = sys.argv[1:3]
tokenizer = tokenizers.ByteLevelBPETokenizer(f"{folder}/vocab.json", f"{folder}/merges.txt")
raw = open(text, "rb").read()
lines = [line.decode("utf-8", "replace") for line in raw.splitlines(keepends=True)]
for name in ("one by one", "one batch"):
    best = 1e9
    for _ in range(5):
        began = time.process_time()
        if name == "one batch":
            tokens = sum(len(e.ids) for e in tokenizer.encode_batch(lines))
        else:
            tokens = sum(len(tokenizer.encode(line).ids) for line in lines)
        best = min(best, time.process_time() - began)
    print(json.dumps({"bench": "tokenizer", "peer": "tokenizers " + tokenizers.__version__, "how": name,
                      "bytes": len(raw), "tokens": tokens, "mb_per_cpu_s": round(len(raw) * 1e-6 / best, 2)}))
