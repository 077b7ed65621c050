#!/usr/bin/env python3
"""A Llama of 2.7 million parameters with random weights and another model's tokenizer, for bench/paper/larger.yaml: larger.py STORIES260K_DIR OUT_DIR (needs numpy)"""
import json
import pathlib
import shutil
import sys

import numpy

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


def main():
    source, target = map(pathlib.Path, sys.argv[1:3])
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


if __name__ == "__main__":
    main()
