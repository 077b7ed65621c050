"""Encodes values.f32 in every precision with PyTorch, from the published formulas, and writes what came out beside it.

usage: check_with_torch.py FOLDER

FOLDER holds values.f32 (the values, little endian) and int8.levels.f32 (the 256 levels under test). Written for each precision:
NAME.codes (one byte a code, or the two bytes of a 16-bit float), NAME.scales and NAME.decoded (fp32).
"""
import pathlib
import sys

import numpy as np
import torch

NF4 = [-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022833234,
       -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
       0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1]
FP4 = [x / 12 for x in (0, 0.0625, 8, 12, 4, 6, 2, 3)]


def dynamic_map():
    levels = [0.0, 1.0]
    for i in range(7):
        boundaries = torch.linspace(0.1, 1, 2 ** i + 1, dtype=torch.float32)
        means = 10 ** (i - 6) * ((boundaries[:-1] + boundaries[1:]) / 2)
        levels += means.tolist() + (-means).tolist()
    return torch.tensor(sorted(levels), dtype=torch.float32)


def encode_blocks(values, block, levels, codes):
    """levels ascend; codes are theirs."""
    midpoints = (levels[:-1] + levels[1:]) / 2
    found, scales, decoded = [], [], []
    for run in values.split(block):
        absmax = run.abs().max()
        divisor = absmax.clamp(min=1e-38)
        short = len(run) < block
        scale = divisor if short else absmax
        scaled = (run / divisor if short else run * (1 / divisor)).clamp(-1, 1)
        index = torch.searchsorted(midpoints, scaled)  # midpoints[i - 1] < scaled <= midpoints[i]
        found.append(codes[index])
        scales.append(scale)
        decoded.append(levels[index] * scale)
    return torch.cat(found), torch.stack(scales), torch.cat(decoded)


def write_int8b(folder, values):
    found, scales, decoded = [], [], []
    for run in values.split(128):
        absmax = run.abs().max()
        divisor = absmax.clamp(min=1e-38)
        short = len(run) < 128
        scale = divisor if short else absmax
        steps = ((run / divisor if short else run * (1 / divisor)).clamp(-1, 1) * 127).round()  # ties to even
        found.append(steps.to(torch.int8))
        scales.append(scale)
        decoded.append(steps * torch.tensor(1 / 127) * scale)
    torch.cat(found).numpy().tofile(folder / "int8b.codes")
    torch.stack(scales).numpy().tofile(folder / "int8b.scales")
    torch.cat(decoded).numpy().tofile(folder / "int8b.decoded")


def write_nf4n(folder, values, tables):
    _, levels, codes = tables["nf4"]
    found, absmax, decoded = encode_blocks(values, 64, levels, codes)
    mean = absmax.double().mean().float()
    scale_codes, groups, scales = encode_blocks(absmax - mean, 256, *tables["int8"][1:])
    with open(folder / "nf4n.scales", "wb") as file:
        for part in (mean.reshape(1), groups, scale_codes.to(torch.uint8)):
            part.numpy().tofile(file)
    found.to(torch.uint8).numpy().tofile(folder / "nf4n.codes")
    (levels[found] * (scales + mean).repeat_interleave(64)[: len(values)]).numpy().tofile(folder / "nf4n.decoded")


def main(folder):
    values = torch.from_numpy(np.fromfile(folder / "values.f32", "<f4"))
    given = torch.from_numpy(np.fromfile(folder / "int8.levels.f32", "<f4"))
    # The sums of linspace depend on the machine's vector width, so the last bits are not compared, and the given levels are used.
    torch.testing.assert_close(given, dynamic_map(), rtol=5e-7, atol=0)
    signed = sorted([(-x, i + 8) for i, x in enumerate(FP4) if x] + [(x, i) for i, x in enumerate(FP4)])
    tables = {
        "int8": (4096, given, torch.arange(256)),
        "nf4": (64, torch.tensor(NF4), torch.arange(16)),
        "fp4": (64, torch.tensor([x for x, _ in signed]), torch.tensor([i for _, i in signed])),
    }
    for name, (block, levels, codes) in tables.items():
        found, scales, decoded = encode_blocks(values, block, levels, codes)
        found.to(torch.uint8).numpy().tofile(folder / f"{name}.codes")
        scales.numpy().tofile(folder / f"{name}.scales")
        decoded.numpy().tofile(folder / f"{name}.decoded")
    write_int8b(folder, values)
    write_nf4n(folder, values, tables)
    for name, narrow in (("fp16", values.clamp(-65504, 65504).half()), ("bf16", values.bfloat16())):
        narrow.view(torch.int16).numpy().tofile(folder / f"{name}.codes")
        narrow.float().numpy().tofile(folder / f"{name}.decoded")


main(pathlib.Path(sys.argv[1]))
