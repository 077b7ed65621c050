#!/usr/bin/env python3
"""
A Llama of 2.76 million parameters for bench/paper/larger.yaml: larger.py STORIES260K_DIR OUT_DIR (needs numpy; 15 minutes on two cores).

It begins with random weights (OUT_DIR/random) and learns from stories that the smaller model tells (OUT_DIR/model), so that, as that one, it can
read when the sites begin to teach it, and knows nothing of what they teach.
"""
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
STORIES, TOKENS, EPOCHS = 1000, 400, 6
BEGINNINGS = ["Once upon a time", "One day", "There was a", "Lily and Tom", "It was a", "A little boy", "In the park", "The big dog"]
HIDDEN, INTERMEDIATE, LAYERS, HEADS, VOCABULARY, POSITIONS = 192, 512, 6, 6, 512, 512


def tensors():
    random = numpy.random.default_rng(1)
    matrix = lambda rows, columns: random.standard_normal((rows, columns), dtype=numpy.float32) * numpy.float32(0.02)
    yield "model.embed_tokens.weight", matrix(VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        yield name + "input_layernorm.weight", numpy.ones(HIDDEN, numpy.float32)
        for part in "qkvo":
            yield f"{name}self_attn.{part}_proj.weight", matrix(HIDDEN, HIDDEN)
        yield name + "post_attention_layernorm.weight", numpy.ones(HIDDEN, numpy.float32)
        yield name + "mlp.gate_proj.weight", matrix(INTERMEDIATE, HIDDEN)
        yield name + "mlp.up_proj.weight", matrix(INTERMEDIATE, HIDDEN)
        yield name + "mlp.down_proj.weight", matrix(HIDDEN, INTERMEDIATE)
    yield "model.norm.weight", numpy.ones(HIDDEN, numpy.float32)


def write_random(source, target):
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": HEADS,
               "vocab_size": VOCABULARY, "max_position_embeddings": POSITIONS, "tie_word_embeddings": True}
    (target / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    header, data, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, values in tensors():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [offset, offset + values.nbytes]}
        data.append(values.tobytes())
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (target / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))
    print(f"{target}: {offset // 4:,} parameters")



def tell(source, number):
    prompt = BEGINNINGS[number % len(BEGINNINGS)]
    command = [ROOT / "tributary", "generate", "--model", source, "--prompt", prompt, "--tokens", str(TOKENS), "--temperature", "1", "--seed", str(number), "--json"]
    return {"instruction": prompt, "response": json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["text"].strip()}


def learn(target):
    job = {"name": "stories", "sites": {"stories": {"data": "stories.jsonl"}}, "workflow": "fedavg", "rounds": 1, "precision": "fp32", "exchange": "weights", "streaming": "file", "seed": 1, "held_out": 0.02,
           "train": {"epochs": EPOCHS, "batch_size": 8, "sequence_length": 512, "learning_rate": 0.002, "schedule": "linear", "warmup_ratio": 0.05, "weight_decay": 0.01, "decay": "matrices", "clip_norm": 1.0}}
    (target / "stories.yaml").write_text(json.dumps(job, indent=2), encoding="utf-8")
    subprocess.run([ROOT / "tributary", "simulate", target / "stories.yaml", "--model", target / "random", "--out", target / "run"], check=True)
    shutil.copytree(target / "run" / "model", target / "model", dirs_exist_ok=True)


def main():
    source, target = map(pathlib.Path, sys.argv[1:3])
    write_random(source, target / "random")
    subprocess.run([ROOT / "tributary", "--version"], check=True, stdout=subprocess.DEVNULL)  # builds it, before two ask for it at once
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        records = pool.map(lambda number: tell(source, number), range(1, STORIES + 1))
        (target / "stories.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    learn(target)


if __name__ == "__main__":
    main()
