#!/usr/bin/env python3
"""Times forward passes and training steps of a plain Llama in PyTorch, for `tributary bench training`, which starts it.

    torch_step.py '{"config": {...}, "batch": 4, "sequence": 512, "threads": 2}'

The config has the keys of Hugging Face's LlamaConfig; weights and tokens are random. One line of JSON says that it is ready; then every
line on stdin, "forward" or "step", is done once and answered with its seconds. Exit code 3: there is no torch.
"""
import json
import math
import sys
import time

try:
    import torch
    from torch.nn import functional
except ImportError:
    sys.exit(3)


class Norm(torch.nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


def linear(inputs, outputs):
    return torch.nn.Linear(inputs, outputs, bias=False)


def rotate(x, cosine, sine):
    low, high = x.chunk(2, -1)
    return x * cosine + torch.cat([-high, low], -1) * sine


class Layer(torch.nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.key_heads, self.length = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        hidden, inner = c["hidden_size"], c["intermediate_size"]
        self.input_norm, self.middle_norm = Norm(hidden, c["rms_norm_eps"]), Norm(hidden, c["rms_norm_eps"])
        self.query = linear(hidden, self.heads * self.length)
        self.key, self.value = linear(hidden, self.key_heads * self.length), linear(hidden, self.key_heads * self.length)
        self.output = linear(self.heads * self.length, hidden)
        self.gate, self.up, self.down = linear(hidden, inner), linear(hidden, inner), linear(inner, hidden)

    def forward(self, x, cosine, sine, mask):
        batch, count, _ = x.shape
        y = self.input_norm(x)
        q = self.query(y).view(batch, count, self.heads, self.length).transpose(1, 2)
        k = self.key(y).view(batch, count, self.key_heads, self.length).transpose(1, 2)
        v = self.value(y).view(batch, count, self.key_heads, self.length).transpose(1, 2)
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        if self.key_heads != self.heads:
            k, v = (t.repeat_interleave(self.heads // self.key_heads, 1) for t in (k, v))
        scores = q @ k.transpose(2, 3) / math.sqrt(self.length) + mask
        attended = (torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, count, self.heads * self.length)
        x = x + self.output(attended)
        y = self.middle_norm(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Llama(torch.nn.Module):
    def __init__(self, c, count):
        super().__init__()
        self.embedding = torch.nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = torch.nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])
        self.head = linear(c["hidden_size"], c["vocab_size"])
        for parameter in self.parameters():
            if parameter.dim() == 2:
                torch.nn.init.normal_(parameter, std=0.02)
        if c["tie_word_embeddings"]:
            self.head.weight = self.embedding.weight
        half = c["head_dim"] // 2
        angles = torch.arange(count)[:, None] * c["rope_theta"] ** (-torch.arange(half) / half)[None, :]
        angles = torch.cat([angles, angles], -1)
        self.register_buffer("cosine", angles.cos())
        self.register_buffer("sine", angles.sin())
        self.register_buffer("mask", torch.full((count, count), -math.inf).triu(1))

    def forward(self, tokens):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cosine, self.sine, self.mask)
        return self.head(self.norm(x))


def blas():
    """Which library multiplies matrices; the one that torch was linked with may stand for several."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            text = maps.read()
    except OSError:
        return None
    return next((name for name in ("openblas", "mkl", "blis", "libblas") if name in text), None)


def main():
    given = json.loads(sys.argv[1])
    config, count = given["config"], given["sequence"]
    torch.manual_seed(1)
    torch.set_num_threads(given["threads"])
    model = Llama(config, count)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.0)
    tokens = torch.randint(0, config["vocab_size"], (given["batch"], count + 1))

    def loss():
        return functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    def forward():
        with torch.no_grad():
            return loss().item()

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return value.item()

    step()  # what is allocated and compiled once
    print(json.dumps({"version": torch.__version__, "blas": blas(), "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        {"forward": forward, "step": step}[line.strip()]()
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
