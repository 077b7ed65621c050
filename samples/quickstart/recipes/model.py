"""A Llama with random weights, as a Hugging Face checkpoint folder."""

import json
import struct
from array import array
from pathlib import Path

from .templates import Random

HIDDEN, INNER, LAYERS, HEADS, KEY_HEADS, POSITIONS = 96, 256, 4, 6, 2, 256


def config(vocabulary):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "vocab_size": vocabulary,
        "max_position_embeddings": POSITIONS,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float32",
        "attention_bias": False,
        "mlp_bias": False,
    }


def shapes(vocabulary):
    """The tensors and their shapes; the embeddings serve as the output too."""
    keys = HIDDEN // HEADS * KEY_HEADS
    tensors = {"model.embed_tokens.weight": (vocabulary, HIDDEN)}
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        tensors |= {
            at + "input_layernorm.weight": (HIDDEN,),
            at + "self_attn.q_proj.weight": (HIDDEN, HIDDEN),
            at + "self_attn.k_proj.weight": (keys, HIDDEN),
            at + "self_attn.v_proj.weight": (keys, HIDDEN),
            at + "self_attn.o_proj.weight": (HIDDEN, HIDDEN),
            at + "post_attention_layernorm.weight": (HIDDEN,),
            at + "mlp.gate_proj.weight": (INNER, HIDDEN),
            at + "mlp.up_proj.weight": (INNER, HIDDEN),
            at + "mlp.down_proj.weight": (HIDDEN, INNER),
        }
    return tensors | {"model.norm.weight": (HIDDEN,)}


def values(shape, random, deviation=0.02):
    """Ones for a norm. For a matrix the sum of four uniform numbers: near enough to normal, and the same bits on every machine."""
    if len(shape) == 1:
        return array("f", [1.0] * shape[0])
    made = array("f")
    scale = deviation * 3 ** 0.5 / 65536  # the sum of four uniform 16-bit numbers has a deviation of 65536 / sqrt(3)
    for _ in range(shape[0] * shape[1]):
        bits = random.bits()
        total = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
        made.append((total - 131070) * scale)
    return made


def write(folder, tokenizer, vocabulary, seed):
    """Writes config.json, tokenizer.json and model.safetensors."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(vocabulary), indent=2) + "\n", encoding="utf-8", newline="\n")
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8", newline="\n")
    random = Random(seed)
    header, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, shape in shapes(vocabulary).items():
        made = values(shape, random)
        start = len(data)
        data += struct.pack(f"<{len(made)}f", *made)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
