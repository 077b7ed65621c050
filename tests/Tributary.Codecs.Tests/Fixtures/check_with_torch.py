"""Encodes values.f32 in every precision with PyTorch, from the published formulas, and writes what came out beside it.

usage: check_with_torch.py FOLDER

FOLDER holds values.f32 (the values, little endian) and int8.levels.f32 (the 256 levels under test). Written for each precision:
NAME.codes (one byte a code, the two bytes of a 16-bit float, or topk's bytes as they are), NAME.scales and NAME.decoded (fp32).
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


def to_scale(exact, largest):
    """A scale in double precision as the bfloat16 that is stored."""
    return exact.clamp(max=largest).float().bfloat16()


def integer_scale(run):
    return to_scale(run.abs().max().double() / 7, 145 * 2.0 ** 118)


def integer_levels(run, scale):
    return (run / scale).clamp(-7, 7).round() if scale else torch.zeros_like(run)  # ties to even


def four_scale(run):
    magnitudes = run.abs().double()
    levels = torch.where(run.abs() > (2 * 0.6240 * magnitudes.mean()).float(), 3.0, 1.0).double()
    return to_scale((levels * magnitudes).sum() / (levels ** 2).sum(), 85 * 2.0 ** 120)


def four_levels(run, scale):
    return torch.where(run.abs() > 2 * scale, 3.0, 1.0) * torch.where(run < 0, -1.0, 1.0)


def sign_scale(run):
    return to_scale(run.abs().double().mean(), 255 * 2.0 ** 120)


def sign_levels(run, scale):
    return torch.where(run < 0, -1.0, 1.0)


def write_fitted(folder, values):
    for name, block, to_scale_of, to_levels, to_codes in (
            ("int4", 64, integer_scale, integer_levels, lambda levels: levels.int() & 15),
            ("int2", 64, four_scale, four_levels, lambda levels: (levels.int() + 3) // 2),
            ("int1", 128, sign_scale, sign_levels, lambda levels: (1 - levels.int()) // 2)):
        scales = [to_scale_of(run) for run in values.split(block)]
        levels = [to_levels(run, scale.float()) for run, scale in zip(values.split(block), scales)]
        to_codes(torch.cat(levels)).to(torch.uint8).numpy().tofile(folder / f"{name}.codes")
        torch.stack(scales).view(torch.int16).numpy().tofile(folder / f"{name}.scales")
        torch.cat([run * scale.float() for run, scale in zip(levels, scales)]).numpy().tofile(folder / f"{name}.decoded")


def two_means(magnitudes):
    """Lloyd's algorithm, begun at the mean."""
    lower = upper = magnitudes.mean() if len(magnitudes) else torch.tensor(0.0, dtype=torch.float64)
    for _ in range(3):
        is_upper = magnitudes > ((lower + upper) / 2).float().double()
        if not is_upper.any() or is_upper.all():
            break
        lower, upper = magnitudes[~is_upper].mean(), magnitudes[is_upper].mean()
    return to_scale(torch.stack([lower, upper]), 255 * 2.0 ** 120)


def write_topk(folder, name, kept_of, values):
    low_bits = kept_of.bit_length() - 1
    scales, codes, decoded = [], [], torch.zeros_like(values)
    for first in range(0, len(values), 4096):
        run = values[first:first + 4096]
        positions = torch.sort(run.abs(), descending=True, stable=True).indices[:-(-len(run) // kept_of)]
        positions = positions[run[positions] != 0].sort().values
        kept = run[positions]
        pair = two_means(kept.abs().double())
        is_upper = kept.abs() > pair.double().mean().float()
        decoded[first + positions] = torch.where(is_upper, pair[1].float(), pair[0].float()) * torch.where(kept < 0, -1.0, 1.0)
        slots = -(-len(run) // (8 * kept_of)) * 8
        text = "".join(f"{position % kept_of:0{low_bits}b}" for position in positions.tolist()).ljust(low_bits * slots, "0")
        bitmap = ["0"] * (2 * slots)
        for i, position in enumerate(positions.tolist()):
            bitmap[position // kept_of + i] = "1"
        text += "".join(bitmap) + "".join(f"{int(n)}{int(u)}" for n, u in zip(kept < 0, is_upper)).ljust(2 * slots, "0")
        scales.append(pair)
        codes.append(bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)))
    torch.cat(scales).view(torch.int16).numpy().tofile(folder / f"{name}.scales")
    (folder / f"{name}.codes").write_bytes(b"".join(codes))
    decoded.numpy().tofile(folder / f"{name}.decoded")


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
    write_fitted(folder, values)
    for name, kept_of in (("topk", 64), ("topk3", 32), ("topk6", 16)):
        write_topk(folder, name, kept_of, values)
    for name, narrow in (("fp16", values.clamp(-65504, 65504).half()), ("bf16", values.bfloat16())):
        narrow.view(torch.int16).numpy().tofile(folder / f"{name}.codes")
        narrow.float().numpy().tofile(folder / f"{name}.decoded")


main(pathlib.Path(sys.argv[1]))
