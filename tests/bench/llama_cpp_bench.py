# SPDX-License-Identifier: Apache-2.0
"""A GPT-2 in Foreline and in llama.cpp in one run, each in turn, twice: the same weights, threads and machine; a JSON
line a kind of work with the ratio of tokens/s. Needs a static build of llama.cpp (cmake -DBUILD_SHARED_LIBS=OFF, target
llama; llama_cpp_peer.cpp is compiled against it) and the Python packages gguf and numpy. llama.cpp gets the better of
flash attention on and off, and with --one-thread-too of 1 and --threads threads; one cache a sequence. With --threads 1
CPU time is a fair measure too, and other programs change it little; with more, its threads spin while they wait.
usage: llama_cpp_bench.py FORELINE MODEL_FOLDER LLAMA_CPP_SOURCE LLAMA_CPP_BUILD [--threads 2] [--only decode]
       [--rounds 2] [--batches 1 8 32] [--one-thread-too]   (foreline bench model --size 124M --keep MODEL_FOLDER)"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

from ours import best_of, model_rows, rounded, say

PEERS = {"f32": ("F32",), "bf16": ("BF16", "F16"), "int8": ("Q8_0",)}


def tensors_of(folder):
    """{name without prefix: f32 array} of a folder whose safetensors are F32."""
    import numpy
    tensors = {}
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".safetensors"):
            continue
        raw = numpy.memmap(os.path.join(folder, file), mode="r")
        size = int.from_bytes(raw[:8].tobytes(), "little")
        for name, entry in json.loads(raw[8 : 8 + size].tobytes()).items():
            if name == "__metadata__":
                continue
            if entry["dtype"] != "F32":
                raise SystemExit(f"{file}: {name} is {entry['dtype']}, wanted F32")
            first, last = entry["data_offsets"]
            array = raw[8 + size + first : 8 + size + last].view("<f4").reshape(entry["shape"])
            tensors[name.removeprefix("transformer.")] = array
    return tensors


def write_gguf(folder, kind, path):
    import gguf
    import numpy
    config = json.load(open(os.path.join(folder, "config.json")))
    types = gguf.GGMLQuantizationType
    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_context_length(config["n_positions"])
    writer.add_embedding_length(config["n_embd"])
    writer.add_block_count(config["n_layer"])
    writer.add_feed_forward_length(config.get("n_inner") or 4 * config["n_embd"])
    writer.add_head_count(config["n_head"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(config["vocab_size"])
    names = {"wte.weight": "token_embd.weight", "wpe.weight": "position_embd.weight", "lm_head.weight": "output.weight",
             "ln_f.weight": "output_norm.weight", "ln_f.bias": "output_norm.bias"}
    parts = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
             "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
    for layer in range(config["n_layer"]):
        for theirs, its in parts.items():
            for what in ("weight", "bias"):
                names[f"h.{layer}.{theirs}.{what}"] = f"blk.{layer}.{its}.{what}"
    for name, array in tensors_of(folder).items():
        if name not in names:
            continue
        if ".c_" in name and array.ndim == 2:
            array = array.T  # Conv1D keeps (in, out)
        array = numpy.ascontiguousarray(array)
        if array.ndim == 1 or name == "wpe.weight" or kind == "F32":
            writer.add_tensor(names[name], array)
        elif kind == "F16":
            writer.add_tensor(names[name], array.astype(numpy.float16))
        else:
            number = types[kind]
            writer.add_tensor(names[name], gguf.quantize(array, number), raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def compiled(source, build, room):
    """The peer's program, or None where that is no built llama.cpp."""
    libraries = [glob.glob(os.path.join(build, "**", f"lib{name}.a"), recursive=True)
                 for name in ("llama", "ggml", "ggml-cpu", "ggml-base")]
    if not os.path.exists(os.path.join(source, "include/llama.h")) or not all(libraries):
        return None
    program = os.path.join(room, "peer")
    own = os.path.join(os.path.dirname(os.path.abspath(__file__)), "llama_cpp_peer.cpp")
    subprocess.run(["c++", "-O2", "-std=c++17", "-I", os.path.join(source, "include"), "-I",
                    os.path.join(source, "ggml/include"), own, *(found[0] for found in libraries), "-fopenmp",
                    "-lpthread", "-ldl", "-o", program], check=True)
    return program


def better(old, new):
    return new if old is None else (*max(old[:2], new[:2]), min(old[2], new[2]))


def theirs(peer, gguf_file, works, counts):
    """{work: (tokens/s, how, least CPU seconds of a pass in any way)} of the quickest way that llama.cpp has."""
    best = {}
    for count in counts:
        done = subprocess.run([peer, gguf_file, str(count), *works], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"llama.cpp on {gguf_file}: status {done.returncode} {done.stderr[-2000:]}")
        for row in map(json.loads, done.stdout.splitlines()):
            how = f"{count} thread{'s' * (count > 1)}, flash attention {'on' if row['flash'] else 'off'}"
            best[row["work"]] = better(best.get(row["work"]), (row["tokens_per_s"], how, row["cpu_s"]))
    return best


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("foreline")
    parser.add_argument("folder")
    parser.add_argument("llama_cpp_source")
    parser.add_argument("llama_cpp_build")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one-thread-too", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--precision", nargs="*", default=list(PEERS))
    parser.add_argument("--batches", nargs="*", type=int, default=[1, 8, 32])
    options = parser.parse_args()
    try:
        import gguf  # noqa: F401
    except ImportError as error:
        say({"peer": "llama.cpp", "absent": str(error)})
        return 0
    positions = json.load(open(os.path.join(options.folder, "config.json")))["n_positions"]
    context = min(256, positions - 64)
    works = [f"prefill:{min(512, positions)}"] + [f"decode:{batch}x{context}" for batch in options.batches]
    works = [work for work in works if work.startswith(options.only)]
    counts = sorted({1, options.threads}) if options.one_thread_too else [options.threads]
    with tempfile.TemporaryDirectory() as room:
        peer = compiled(options.llama_cpp_source, options.llama_cpp_build, room)
        if peer is None:
            say({"peer": "llama.cpp", "absent": f"no libllama.a below {options.llama_cpp_build}"})
            return 0
        for precision in options.precision:
            own, best = {}, {}
            for kind in PEERS[precision]:
                write_gguf(options.folder, kind, os.path.join(room, kind + ".gguf"))
            for _ in range(options.rounds):
                rows = model_rows(options.foreline, options.folder, precision, works, options.threads)
                for work, row in rows.items():
                    own[work] = best_of(own.get(work), row)
                for kind in PEERS[precision]:
                    for work, found in theirs(peer, os.path.join(room, kind + ".gguf"), works, counts).items():
                        best[work, kind] = better(best.get((work, kind)), found)
            for (work, kind), (speed, how, used) in best.items():
                say({"work": work, "precision": precision, "threads": options.threads,
                     "tokens_per_s": rounded(own[work]["tokens_per_s"]), "share": rounded(own[work]["share"]),
                     "peer": f"llama.cpp {kind}", "how": how, "peer_tokens_per_s": rounded(speed),
                     "ratio": round(own[work]["tokens_per_s"] / speed, 2),
                     "ratio_by_cpu_time": round(used / own[work]["cpu_s"], 2)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
