#!/usr/bin/env python3
"""Makes the fixtures beside this file: what a Llama, its gradients and three AdamW steps should be.

A plain Llama in PyTorch, in double precision, written for this purpose: python3 make_fixture.py (torch 1.13 or later, numpy).
Each folder has config.json, expected.json (batch, losses, norms, options) and tensors.safetensors with three tensors for each
of the model's: initial.NAME, gradient.NAME (of the first step) and after.NAME (after three steps).
"""
import json
import math
import struct
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).resolve().parent
OPTIONS = {"learning_rate": 1e-2, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "clip_norm": 0.5, "steps": 3}
LENGTHS = [38, 5, 20]
RESPONSE_STARTS = [11, 1, 17]


def config(tied):
    return {
        "model_type": "llama", "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 6, "vocab_size": 30, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "rope_theta": 500.0, "hidden_act": "silu", "tie_word_embeddings": tied, "bos_token_id": 1, "eos_token_id": 2,
    }


def initial(c, generator):
    h, f, d = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    shapes = {"model.embed_tokens.weight": (c["vocab_size"], h)}
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        shapes[p + "input_layernorm.weight"] = (h,)
        shapes[p + "self_attn.q_proj.weight"] = (c["num_attention_heads"] * d, h)
        shapes[p + "self_attn.k_proj.weight"] = (c["num_key_value_heads"] * d, h)
        shapes[p + "self_attn.v_proj.weight"] = (c["num_key_value_heads"] * d, h)
        shapes[p + "self_attn.o_proj.weight"] = (h, c["num_attention_heads"] * d)
        shapes[p + "post_attention_layernorm.weight"] = (h,)
        shapes[p + "mlp.gate_proj.weight"] = (f, h)
        shapes[p + "mlp.down_proj.weight"] = (h, f)
        shapes[p + "mlp.up_proj.weight"] = (f, h)
    shapes["model.norm.weight"] = (h,)
    if not c["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (c["vocab_size"], h)
    weights = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator, dtype=torch.float32) * 0.4
        weights[name] = (values + (1.0 if len(shape) == 1 else 0.0)).double().requires_grad_(True)
    return weights


def norm(x, weight, epsilon):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + epsilon) * weight


def rotate(x, theta):
    """x: positions by heads by head_dim."""
    half = x.shape[-1] // 2
    frequencies = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angles = torch.arange(x.shape[0], dtype=torch.float64)[:, None] * frequencies
    cosine, sine = torch.cos(angles)[:, None, :], torch.sin(angles)[:, None, :]
    low, high = x[..., :half], x[..., half:]
    return torch.cat([low * cosine - high * sine, high * cosine + low * sine], -1)


def logits(c, w, tokens, linear=None):
    """linear(name, x): what the linear layer of that name makes of x, where it is more than its weights."""
    linear = linear or (lambda name, x: x @ w[name].T)
    d, heads, kv = c["head_dim"], c["num_attention_heads"], c["num_key_value_heads"]
    x = w["model.embed_tokens.weight"][tokens]
    n = len(tokens)
    future = torch.ones(n, n, dtype=torch.bool).triu(1)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        y = norm(x, w[p + "input_layernorm.weight"], c["rms_norm_eps"])
        q = rotate(linear(p + "self_attn.q_proj.weight", y).view(n, heads, d), c["rope_theta"])
        k = rotate(linear(p + "self_attn.k_proj.weight", y).view(n, kv, d), c["rope_theta"])
        v = linear(p + "self_attn.v_proj.weight", y).view(n, kv, d)
        k, v = k.repeat_interleave(heads // kv, 1), v.repeat_interleave(heads // kv, 1)
        scores = torch.einsum("ihd,jhd->hij", q, k) / math.sqrt(d)
        attention = torch.softmax(scores.masked_fill(future, -math.inf), -1)
        x = x + linear(p + "self_attn.o_proj.weight", torch.einsum("hij,jhd->ihd", attention, v).reshape(n, heads * d))
        y = norm(x, w[p + "post_attention_layernorm.weight"], c["rms_norm_eps"])
        gate = torch.nn.functional.silu(linear(p + "mlp.gate_proj.weight", y))
        x = x + linear(p + "mlp.down_proj.weight", gate * linear(p + "mlp.up_proj.weight", y))
    head = w["model.embed_tokens.weight" if c["tie_word_embeddings"] else "lm_head.weight"]
    return norm(x, w["model.norm.weight"], c["rms_norm_eps"]) @ head.T


def mean_loss(c, w, sequences, linear=None):
    losses = []
    for tokens, start in zip(sequences, RESPONSE_STARTS):
        tokens = torch.tensor(tokens)
        every = torch.nn.functional.cross_entropy(logits(c, w, tokens[:-1], linear), tokens[1:], reduction="none")
        losses.append(every[start - 1:])
    return torch.cat(losses).mean()


def write(path, tensors):
    header, data = {}, b""
    for name, value in tensors.items():
        block = value.detach().numpy().astype(numpy.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(block)]}
        data += block
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make(folder, tied, seed):
    folder.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    c = config(tied)
    w = initial(c, generator)
    sequences = [torch.randint(0, c["vocab_size"], (n,), generator=generator).tolist() for n in LENGTHS]
    tensors = {"initial." + name: value.detach().clone() for name, value in w.items()}
    groups = [
        {"params": [v for v in w.values() if v.dim() == 2], "weight_decay": OPTIONS["weight_decay"]},
        {"params": [v for v in w.values() if v.dim() == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, lr=OPTIONS["learning_rate"], betas=(OPTIONS["beta1"], OPTIONS["beta2"]), eps=OPTIONS["epsilon"])
    losses, norms = [], []
    for step in range(OPTIONS["steps"]):
        optimizer.zero_grad()
        loss = mean_loss(c, w, sequences)
        loss.backward()
        losses.append(loss.item())
        length = math.sqrt(sum((v.grad ** 2).sum().item() for v in w.values()))
        norms.append(length)
        if step == 0:
            tensors.update({"gradient." + name: value.grad.clone() for name, value in w.items()})
        for v in w.values():
            v.grad *= min(1.0, OPTIONS["clip_norm"] / length)
        optimizer.step()
    tensors.update({"after." + name: value for name, value in w.items()})
    write(folder / "tensors.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps(c, indent=2) + "\n")
    expected = {"tokens": sequences, "response_starts": RESPONSE_STARTS, "losses": losses, "gradient_norms": norms, "options": OPTIONS}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    make(HERE / "tied", True, 11)
    make(HERE / "separate", False, 12)
