#!/usr/bin/env python3
"""Makes steps/ beside this file: ten AdamW steps in each way to train, and with LoRA, as PyTorch in double precision does them.

python3 make_steps.py (torch 1.13 or later, numpy), after make_fixture.py, whose model with a separate head and whose batch it takes.
expected.json has for each case the losses, learning rates and what is special about it; CASE.safetensors has the weights after ten
steps, and for LoRA the adapters before them under initial.NAME. The learning rates are the formulas of transformers' schedules, the
adapters are PEFT's LoRA, both written out here. The private cases are DP-SGD (Abadi et al. 2016, algorithm 1), one record after the
other, with draws and noise of SplitMix64's numbers.
"""
import json
import math

import numpy
import torch

from make_fixture import HERE, LENGTHS, RESPONSE_STARTS, config, initial, logits, mean_loss, write

STEPS = 10
RATE = 1e-2
DECAY = 0.1
BETAS = (0.9, 0.95)
CLIP = 0.5
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
MASK = (1 << 64) - 1

CASES = {
    "constant": {},
    "linear": {"schedule": "linear", "warmup_steps": 3},
    "cosine": {"schedule": "cosine", "warmup_ratio": 0.2},
    "decay_matrices": {"decay": "matrices"},
    "decay_all": {"decay": "all"},
    "proximal": {"proximal_mu": 0.5},
    "lora": {"lora": {"rank": 3, "alpha": 6, "targets": TARGETS, "dropout": 0}},
    "lora_some": {"lora": {"rank": 2, "alpha": 8, "targets": ["q_proj", "v_proj", "down_proj"], "dropout": 0}, "proximal_mu": 0.5},
    "lora_dropout": {"lora": {"rank": 3, "alpha": 6, "targets": TARGETS, "dropout": 0.25}, "sequences": 1},
    "private": {"private": {"clip": 0.8, "noise": 0.6, "rate": 0.5, "nominal": 2}},
    "private_frozen": {"private": {"clip": 10, "noise": 0.1, "rate": 0.5, "nominal": 6}, "frozen": "o_proj", "proximal_mu": 0.5, "schedule": "linear"},
    "private_lora": {
        "private": {"clip": 5, "noise": 0.1, "rate": 0.5, "nominal": 2}, "lora": {"rank": 3, "alpha": 6, "targets": TARGETS, "dropout": 0.25}},
}


def factor(case, step):
    """transformers' get_*_schedule_with_warmup."""
    warmup = case.get("warmup_steps", math.ceil(case.get("warmup_ratio", 0) * STEPS))
    if step < warmup:
        return step / max(1, warmup)
    done = (step - warmup) / max(1, STEPS - warmup)
    return {"linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}.get(case.get("schedule"), 1.0)


def decays(case, name):
    scope = case.get("decay", "linear")
    return scope == "all" or ("norm" not in name and (scope == "matrices" or "embed_tokens" not in name))


def mix(z):
    """SplitMix64's next number from the state z."""
    z = (z + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def mask(seed, step, record, layer, target, rows, columns, dropout):
    """
    The elements that dropout keeps, and how they are scaled: half of a draw decides about each. Draws are of the step's first batch, or of a
    record, by its tokens.
    """
    draw = mix(mix(seed) + step & MASK)
    for token in record or [0]:
        draw = mix(draw + token & MASK)
    site = mix(draw + layer * len(TARGETS) + target & MASK)
    keep = numpy.zeros((rows, columns))
    for row in range(rows):
        state = mix(site + row & MASK)
        for column in range(columns):
            bits = mix(state + column // 2 & MASK)
            keep[row, column] = ((bits >> 32) if column % 2 == 0 else bits & 0xFFFFFFFF) >= int(dropout * (1 << 32))
    return torch.tensor(keep / (1 - dropout))


def adapters(c, w, lora, generator):
    pairs = {}
    for name, value in w.items():
        if name.split(".")[-2] in lora["targets"]:
            out, inputs = value.shape
            prefix = "base_model.model." + name[:-len("weight")]
            a = (torch.rand((lora["rank"], inputs), generator=generator) * 2 - 1) / math.sqrt(inputs)
            pairs[prefix + "lora_A.weight"] = a.double().requires_grad_(True)
            pairs[prefix + "lora_B.weight"] = torch.zeros(out, lora["rank"], dtype=torch.float64, requires_grad=True)
    return pairs


def adapted(w, pairs, lora, seed, step, record=None):
    def linear(name, x):
        prefix = "base_model.model." + name[:-len("weight")]
        y = x @ w[name].T
        if prefix + "lora_A.weight" not in pairs:
            return y
        if lora["dropout"] > 0:
            layer, target = int(name.split(".")[2]), TARGETS.index(name.split(".")[-2])
            x = x * mask(seed, step, record, layer, target, *x.shape, lora["dropout"])
        return y + lora["alpha"] / lora["rank"] * (x @ pairs[prefix + "lora_A.weight"].T @ pairs[prefix + "lora_B.weight"].T)
    return linear


def uniform(seed, step, place):
    return (mix(mix(mix(seed) + step & MASK) + place & MASK) >> 11) / (1 << 53)


def normal(step, name, shape):
    """Box and Muller's transform of two uniform numbers, whose seed is the tensor's name folded into one number."""
    seed = 0
    for byte in name.encode():
        seed = mix(seed + byte & MASK)
    values = [
        math.sqrt(-2 * math.log(1 - uniform(seed, step, 2 * i))) * math.cos(2 * math.pi * uniform(seed, step, 2 * i + 1))
        for i in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def private_gradients(c, w, trained, sequences, private, linear, step):
    """Puts the noised sum of the drawn records' clipped gradients in .grad; returns the mean loss of all their response tokens."""
    total, count = 0.0, 0
    sums = {n: torch.zeros_like(v) for n, v in trained.items()}
    drawn = [i for i in range(len(sequences)) if uniform(0, step, i) < private["rate"]]
    for i in drawn:
        tokens, start = torch.tensor(sequences[i]), RESPONSE_STARTS[i]
        losses = torch.nn.functional.cross_entropy(logits(c, w, tokens[:-1], linear(i)), tokens[1:], reduction="none")[start - 1:]
        gradients = torch.autograd.grad(losses.mean(), list(trained.values()))
        length = math.sqrt(sum((g ** 2).sum().item() for g in gradients))
        for n, g in zip(trained, gradients):
            sums[n] += g * min(1.0, private["clip"] / length)
        total, count = total + losses.sum().item(), count + len(losses)
    for n, v in trained.items():
        v.grad = (sums[n] + private["noise"] * private["clip"] * normal(step, n, v.shape)) / private["nominal"]
    return total / count if count else 0.0, drawn


def run(name, case, seed):
    c = config(False)
    generator = torch.Generator().manual_seed(12)
    w = initial(c, generator)
    sequences = [torch.randint(0, c["vocab_size"], (n,), generator=generator).tolist() for n in LENGTHS][:case.get("sequences", 3)]
    lora = case.get("lora")
    trained = adapters(c, w, lora, generator) if lora else w
    everything, trained = trained, {n: v for n, v in trained.items() if case.get("frozen", "none") not in n}
    tensors = {"initial." + n: v.detach().clone() for n, v in trained.items()} if lora else {}
    anchor = {n: v.detach().clone() for n, v in trained.items()}
    groups = [
        {"params": [v for n, v in trained.items() if decays(case, n)], "weight_decay": DECAY},
        {"params": [v for n, v in trained.items() if not decays(case, n)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], lr=RATE, betas=BETAS, eps=1e-8)
    losses, rates, draws = [], [], []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * factor(case, step)
        optimizer.zero_grad()
        proximal = case.get("proximal_mu", 0) / 2 * sum(((v - anchor[n]) ** 2).sum() for n, v in trained.items())
        if "private" in case:
            loss, drawn = private_gradients(
                c, w, trained, sequences, case["private"], lambda i: adapted(w, trained, lora, seed, step, sequences[i][:-1]) if lora else None, step)
            proximal.backward()
            draws.append(drawn)
        else:
            loss = mean_loss(c, w, sequences, adapted(w, trained, lora, seed, step) if lora else None)
            (loss + proximal).backward()
            loss = loss.item()
        losses.append(loss)
        rates.append(RATE * factor(case, step))
        torch.nn.utils.clip_grad_norm_(trained.values(), CLIP)
        optimizer.step()
    tensors.update(everything)
    write(HERE / "steps" / f"{name}.safetensors", tensors)
    return {**case, "losses": losses, "rates": rates, **({"draws": draws} if draws else {})}


if __name__ == "__main__":
    (HERE / "steps").mkdir(exist_ok=True)
    cases = {name: run(name, case, 7) for name, case in CASES.items()}
    (HERE / "steps" / "expected.json").write_text(json.dumps(cases, indent=1) + "\n")
