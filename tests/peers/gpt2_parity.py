# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that transformers saved, read by `foreline`: ids, hidden states, logits and
log-probabilities must agree. usage: gpt2_parity.py FORELINE FOLDER [TOKENIZER_FOLDER]"""
import json
import os
import random
import shutil
import subprocess
import sys

import numpy as np
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model, GPT2TokenizerFast

transformers.logging.set_verbosity_error()
torch.set_num_threads(2)
foreline, folder = sys.argv[1], sys.argv[2]
failures = 0


def check(good, what):
    global failures
    failures += not good
    print(("ok    " if good else "WRONG ") + what, flush=True)


def run(*args, text=None):
    done = subprocess.run([foreline, *args], input=text, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"foreline {' '.join(args)}: {done.stderr.decode()}")
    return done.stdout


def apart(a, b):
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))


def lively(model, seed):
    """Every tensor counts: biases and norms away from 0 and 1, matrices large enough to matter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() > 1:
                p.mul_(3)
            else:
                p.add_(0.1 * noise)


def case(name, options, seed, save=None, base=False, dtype=None, prepare=None):
    path = os.path.join(folder, name)
    shutil.rmtree(path, ignore_errors=True)
    torch.manual_seed(seed)
    config = GPT2Config(**options, attn_implementation="eager", bos_token_id=0, eos_token_id=0)
    model = (GPT2Model if base else GPT2LMHeadModel)(config).eval()
    if config.n_embd < 768:
        lively(model, seed)
    if dtype is not None:
        model = model.to(dtype)
    model.save_pretrained(path, safe_serialization=True, **(save or {}))
    model = model.float()
    if prepare:
        prepare(path)
    draw = random.Random(seed)
    lengths = [1, 2, 7, min(33, config.n_positions)]
    if config.n_positions <= 128:
        lengths.append(config.n_positions)
    texts = [[draw.randrange(config.vocab_size) for _ in range(n)] for n in lengths]
    npy = os.path.join(folder, "out.npy")
    worst = 0.0
    for ids in texts:
        run("hidden", "--model", path, "--ids", ",".join(map(str, ids)), "--npy", npy)
        with torch.no_grad():
            wanted = (model if base else model.transformer)(torch.tensor([ids])).last_hidden_state.numpy()
        got = np.load(npy)
        check(got.shape == wanted.shape, f"{name}: shape {got.shape}") if got.shape != wanted.shape else None
        worst = max(worst, apart(got, wanted))
    check(worst < 1e-4, f"{name}: hidden states within {worst:.1e}")
    if base:
        shutil.rmtree(path)
        return
    lines = "".join(json.dumps({"ids": ids}) + "\n" for ids in texts).encode()
    out = run("score", "--model", path, "--jsonl", "--npy", npy, "--logits", text=lines).decode().splitlines()
    with torch.no_grad():
        wanted = [model(torch.tensor([ids])).logits[0] for ids in texts]
    got = np.load(npy)
    worst = apart(got, torch.cat(wanted).numpy())
    check(worst < 1e-4, f"{name}: logits within {worst:.1e}")
    off = 0.0
    for ids, logits, line in zip(texts, wanted, out):
        logprobs = torch.log_softmax(logits.double(), -1)
        expected = [logprobs[t, ids[t + 1]].item() for t in range(len(ids) - 1)]
        given = json.loads(line)["logprobs"]
        assert len(given) == len(expected)
        off = max([off] + [abs(a - b) for a, b in zip(given, expected)])
    scale = max(float(w.abs().max()) for w in wanted)
    check(off < 1e-4 * max(scale, 1), f"{name}: log-probabilities within {off:.1e}")
    shutil.rmtree(path)


def without_index(path):
    os.remove(os.path.join(path, "model.safetensors.index.json"))


tiny = dict(vocab_size=211, n_positions=64, n_embd=32, n_layer=2, n_head=4)
odd = dict(vocab_size=1009, n_positions=96, n_embd=72, n_layer=3, n_head=3)
case("tiny", tiny, 1)
case("odd", odd, 2)
case("narrow", dict(vocab_size=17, n_positions=9, n_embd=21, n_layer=1, n_head=7, n_inner=13), 3)
for activation in ["relu", "silu", "gelu", "tanh", "gelu_fast", "quick_gelu", "relu6", "sigmoid", "mish", "linear"]:
    case("activation-" + activation, dict(tiny, activation_function=activation), 4)
case("unscaled", dict(odd, scale_attn_weights=False), 5)
case("by-layer", dict(odd, scale_attn_by_inverse_layer_idx=True, layer_norm_epsilon=1e-3), 6)
case("upcast", dict(odd, reorder_and_upcast_attn=True), 7)
case("inner", dict(tiny, n_inner=50), 8)
case("untied", dict(odd, tie_word_embeddings=False), 9)
case("half", odd, 10, dtype=torch.float16)
case("bfloat", odd, 11, dtype=torch.bfloat16)
case("shards", odd, 12, save=dict(max_shard_size="100KB"))
case("shards-without-index", odd, 13, save=dict(max_shard_size="100KB"), prepare=without_index)
case("base", odd, 14, base=True)
case("base-untied", dict(odd, tie_word_embeddings=False), 15, base=True)
case("gpt2-124m", dict(), 16)

if len(sys.argv) > 3 and os.path.isdir(sys.argv[3]):
    files = [os.path.join(sys.argv[3], name) for name in ("vocab.json", "merges.txt")]
    if int(transformers.__version__.split(".")[0]) < 5:
        tokenizer = GPT2TokenizerFast(vocab_file=files[0], merges_file=files[1])
    else:
        with open(files[0], encoding="utf-8") as vocabulary, open(files[1], encoding="utf-8") as merges:
            tokenizer = GPT2TokenizerFast(vocab=json.load(vocabulary), merges=[
                tuple(line.split()) for line in merges.read().split("\n")[1:] if line.strip()])
    draw = random.Random(17)
    pieces = ["'s", "'ll", "'RE", " ", "  ", "\n", "\t", "\u00a0", "\u2003", "\u3000", "\x1c", "\u180e", "a", "Zebra",
              "12", "\u0663", "\u00bd", "\u00e9", "\u4e2d\u6587", "\U0001f600", "e\u0301", "...", "<|endoftext|>",
              "\u200b", "\ufeff", "_", "\x00"]
    texts = ["".join(draw.choice(pieces) for _ in range(draw.randrange(1, 30))) for _ in range(2000)]
    texts += ["".join(chr(draw.choice([draw.randrange(0x20, 0x250), draw.randrange(0x250, 0xD800),
                                       draw.randrange(0xE000, 0x20000)])) for _ in range(20)) for _ in range(2000)]
    lines = "".join(json.dumps({"text": t}) + "\n" for t in texts).encode()
    out = run("tokenize", "--model", sys.argv[3], "--jsonl", text=lines).decode().splitlines()
    wrong = [t for t, line in zip(texts, out) if json.loads(line)["ids"] != tokenizer(t)["input_ids"]]
    for t in wrong[:5]:
        print("differs:", ascii(t))
    # Letters and numbers that newer versions of Unicode added are the one thing that may differ.
    check(len(wrong) <= 0.01 * len(texts), f"tokenizer: {len(texts) - len(wrong)} of {len(texts)} texts as tokenizers has them")
    ids = [[draw.randrange(50257) for _ in range(draw.randrange(1, 20))] for _ in range(500)]
    lines = "".join(json.dumps({"ids": i}) + "\n" for i in ids).encode()
    out = run("tokenize", "--model", sys.argv[3], "--jsonl", "--decode", text=lines).decode().splitlines()
    wrong = [i for i, line in zip(ids, out) if json.loads(line)["text"] != tokenizer.decode(i, clean_up_tokenization_spaces=False)]
    check(not wrong, f"tokenizer: {len(ids) - len(wrong)} of {len(ids)} decoded as tokenizers has them")
    noise = [bytes(draw.randrange(256) for _ in range(40)) for _ in range(200)]
    lines = "".join(json.dumps({"text": b.decode("utf-8", "surrogateescape")}) + "\n" for b in noise).encode()
    out = run("tokenize", "--model", sys.argv[3], "--jsonl", text=lines)
    back = run("tokenize", "--model", sys.argv[3], "--jsonl", "--decode", text=out).decode().splitlines()
    same = sum(json.loads(line).get("bytes", json.loads(line)["text"]).encode("utf-8", "surrogateescape") == b
               for b, line in zip(noise, back))
    check(same == len(noise), f"tokenizer: {same} of {len(noise)} byte strings survive")
else:
    print("no GPT-2 vocabulary given: its part is left out")
print(f"{failures} wrong")
sys.exit(failures != 0)
