"""A Llama in plain PyTorch. Names and layout of its tensors are those of Hugging Face's LlamaForCausalLM, so a checkpoint folder is read
as it lies: config.json and model.safetensors, or shards with their index."""
import json
import os

import torch
import torch.nn.functional as functional
import tributary
from torch import nn


class Config:
    """The keys of config.json that matter here."""

    def __init__(self, folder):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            keys = json.load(file)
        if keys["model_type"] != "llama" or keys.get("hidden_act", "silu") != "silu" or keys.get("attention_bias") or keys.get("mlp_bias"):
            raise ValueError(f"{folder}/config.json is not of a Llama with SiLU and without biases")
        self.hidden, self.inner = keys["hidden_size"], keys["intermediate_size"]
        self.layers, self.vocabulary = keys["num_hidden_layers"], keys["vocab_size"]
        self.heads = keys["num_attention_heads"]
        self.key_heads = keys.get("num_key_value_heads") or self.heads
        self.head_length = keys.get("head_dim") or self.hidden // self.heads
        self.positions = keys.get("max_position_embeddings") or 2048
        self.epsilon = keys.get("rms_norm_eps") or 1e-6
        self.tied = bool(keys.get("tie_word_embeddings"))
        # Newer files have all that is about rotary positions in one place.
        rope = keys.get("rope_parameters") or {}
        self.theta = rope.get("rope_theta") or keys.get("rope_theta") or 10000.0
        self.scaling = rope or keys.get("rope_scaling") or {}
        self.rope_type = self.scaling.get("rope_type") or self.scaling.get("type") or "default"
        if self.rope_type not in ("default", "llama3"):
            raise ValueError(f"{folder}/config.json: rope_type {self.rope_type} is not supported; default and llama3 are")


def frequencies(config):
    """Radians a position, for each pair of a head's elements."""
    half = torch.arange(0, config.head_length, 2, dtype=torch.float32) / config.head_length
    fast = (1.0 / config.theta ** half.double()).float()  # rounded once, the same on every machine
    if config.rope_type == "default":
        return fast
    # Llama 3.1: frequencies that turn seldom over the positions of the first training are slowed down, and those between are blended.
    turns = fast * config.scaling["original_max_position_embeddings"] / (2 * torch.pi)
    low, high = config.scaling["low_freq_factor"], config.scaling["high_freq_factor"]
    keep = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - keep) * fast / config.scaling["factor"] + keep * fast


def rotate(heads, cosines, sines):
    """Turns element i of each head together with element i + half."""
    low, high = heads.chunk(2, dim=-1)
    return torch.cat((low * cosines - high * sines, high * cosines + low * sines), dim=-1)


class RmsNorm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(config.hidden)), config.epsilon

    def forward(self, x):
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon) * self.weight).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        queries, keys = config.heads * config.head_length, config.key_heads * config.head_length
        self.q_proj = nn.Linear(config.hidden, queries, bias=False)
        self.k_proj = nn.Linear(config.hidden, keys, bias=False)
        self.v_proj = nn.Linear(config.hidden, keys, bias=False)
        self.o_proj = nn.Linear(queries, config.hidden, bias=False)

    def forward(self, x, cosines, sines):
        batch, length, _ = x.shape
        q, k, v = (projection(x).view(batch, length, -1, self.config.head_length).transpose(1, 2)
                   for projection in (self.q_proj, self.k_proj, self.v_proj))
        q, k = rotate(q, cosines, sines), rotate(k, cosines, sines)
        # Several query heads share a head of keys and values.
        k, v = (heads.repeat_interleave(self.config.heads // self.config.key_heads, dim=1) for heads in (k, v))
        return self.o_proj(attend(q, k, v.to(q.dtype)).transpose(1, 2).reshape(batch, length, -1))


def attend(q, k, v):
    """Causal attention. Rows are padded at their ends only, and no position sees a later one, so padding needs no mask."""
    if hasattr(functional, "scaled_dot_product_attention"):  # PyTorch 2
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    return torch.softmax(scores.masked_fill(future, -torch.inf).float(), dim=-1).to(v.dtype) @ v


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden, config.inner, bias=False)
        self.up_proj = nn.Linear(config.hidden, config.inner, bias=False)
        self.down_proj = nn.Linear(config.inner, config.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_layernorm, self.self_attn = RmsNorm(config), Attention(config)
        self.post_attention_layernorm, self.mlp = RmsNorm(config), FeedForward(config)

    def forward(self, x, cosines, sines):
        x = x + self.self_attn(self.input_layernorm(x), cosines, sines)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocabulary, config.hidden)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RmsNorm(config)


class Llama(nn.Module):
    """Weights are zeros or noise until a checkpoint or a task's model is loaded into it."""

    def __init__(self, config):
        super().__init__()
        self.config, self.model = config, Body(config)
        self.lm_head = nn.Linear(config.hidden, config.vocabulary, bias=False)
        if config.tied:
            self.lm_head.weight = self.model.embed_tokens.weight
        angles = torch.arange(config.positions, dtype=torch.float32)[:, None] * frequencies(config)
        # Not part of the checkpoint: computed, and in fp32 whatever the weights are.
        self.register_buffer("cosines", angles.cos(), persistent=False)
        self.register_buffer("sines", angles.sin(), persistent=False)

    def forward(self, tokens, chosen=None):
        """Logits of the token after each of tokens [batch, length], or where chosen, a mask of that shape, is set: [count, vocabulary]."""
        x = self.model.embed_tokens(tokens)
        cosines, sines = self.cosines[:tokens.shape[1]], self.sines[:tokens.shape[1]]
        for layer in self.model.layers:
            x = layer(x, cosines, sines)
        return self.lm_head(self.model.norm(x if chosen is None else x[chosen]))


def read_checkpoint(folder):
    """The tensors of a checkpoint folder by name, mapped from its files."""
    index = os.path.join(folder, "model.safetensors.index.json")
    if not os.path.exists(index):
        return tributary.read_safetensors(os.path.join(folder, "model.safetensors"))
    with open(index, encoding="utf-8") as file:
        shards = sorted(set(json.load(file)["weight_map"].values()))
    return {name: tensor for shard in shards for name, tensor in tributary.read_safetensors(os.path.join(folder, shard)).items()}


def load(folder):
    """The model of a checkpoint folder, in fp32."""
    model = Llama(Config(folder))
    tensors = read_checkpoint(folder)
    if model.config.tied:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    model.load_state_dict(tensors)
    return model
