#!/usr/bin/env python3
"""Reads Tributary's message files as docs/WIRE-FORMAT.md describes them; a model for a reader in another language. Needs numpy.

    read_message.py message.safetensors                            lists the tensors
    read_message.py message.safetensors --out plain.safetensors    writes them decoded, in their original types, tile by tile
    read_message.py message.safetensors --digest 8388608           prints the object's digest, in parts of so many bytes

From Python: read_message(path) gives all arrays by name; read_header(path) and tiles(path, tensor) hold a tile in memory.
"""
import argparse
import hashlib
import json
import os
import sys
import typing

import numpy as np

TILE = 1 << 20
ROW = "tributary.tensor:"
HEADER_MAX = 100_000_000

# numpy knows neither BF16 nor 8-bit floats: these are kept as their bits.
TYPES = {"BOOL": "?", "U8": "u1", "I8": "i1", "F8_E5M2": "u1", "F8_E4M3": "u1", "I16": "<i2", "U16": "<u2", "F16": "<f2",
         "BF16": "<u2", "I32": "<i4", "U32": "<u4", "F32": "<f4", "I64": "<i8", "U64": "<u8", "F64": "<f8"}
SIZES = {name: np.dtype(kind).itemsize for name, kind in TYPES.items()}

# The elements that share a scale, and the types that a codec encodes.
BLOCKS = {"fp16": 1, "bf16": 1, "int8": 4096, "int8b": 128, "fp4": 64, "nf4": 64, "nf4n": 64, "int4": 64, "int2": 64, "int1": 128,
          "topk": 4096, "topk3": 4096, "topk6": 4096}
INTEGER_BITS = {"int4": 4, "int2": 2, "int1": 1}

# One of so many elements is kept, whose position has the binary logarithm of that in low bits.
KEPT_OF = {"topk": 64, "topk3": 32, "topk6": 16}
ENCODES = {codec: ("F32",) if block == 1 else ("F32", "F16", "BF16") for codec, block in BLOCKS.items()}

NF4 = np.array([-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022833234,
                -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
                0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1], "f4")
FP4 = np.array([0, 0.0625, 8, 12, 4, 6, 2, 3, -0.0, -0.0625, -8, -12, -4, -6, -2, -3], "f4") / np.float32(12)
POSITIVE = np.array([
    5.5000004e-7, 3.2500002e-6, 7.75e-6, 2.1249998e-5, 4.375e-5, 6.625e-5, 8.875e-5, 1.5625001e-4, 2.6875004e-4, 3.8125002e-4,
    4.9375003e-4, 6.062501e-4, 7.1875006e-4, 8.3125e-4, 9.437501e-4, 0.0012812499, 0.00184375, 0.00240625, 0.00296875, 0.0035312497,
    0.00409375, 0.0046562497, 0.0052187503, 0.00578125, 0.00634375, 0.00690625, 0.00746875, 0.00803125, 0.00859375, 0.009156249,
    0.00971875, 0.01140625, 0.01421875, 0.01703125, 0.01984375, 0.02265625, 0.02546875, 0.028281247, 0.03109375, 0.033906247,
    0.036718752, 0.03953125, 0.042343747, 0.04515625, 0.04796875, 0.05078125, 0.05359375, 0.05640625, 0.059218753, 0.062031247,
    0.06484375, 0.067656256, 0.070468746, 0.07328125, 0.07609375, 0.07890625, 0.08171874, 0.08453125, 0.08734375, 0.09015625,
    0.092968754, 0.095781244, 0.09859375, 0.107031256, 0.12109375, 0.13515624, 0.14921875, 0.16328125, 0.17734374, 0.19140625,
    0.20546874, 0.21953125, 0.23359376, 0.24765626, 0.26171875, 0.27578127, 0.28984374, 0.30390626, 0.31796873, 0.33203125, 0.3460937,
    0.36015624, 0.37421876, 0.38828123, 0.40234375, 0.4164062, 0.43046874, 0.44453126, 0.45859373, 0.47265625, 0.48671877, 0.50078124,
    0.51484376, 0.5289062, 0.54296875, 0.5570313, 0.5710938, 0.58515626, 0.5992187, 0.61328125, 0.6273438, 0.64140624, 0.65546876,
    0.6695313, 0.68359375, 0.6976563, 0.7117188, 0.72578126, 0.7398438, 0.75390625, 0.7679688, 0.78203124, 0.7960937, 0.8101562,
    0.82421875, 0.8382812, 0.85234374, 0.8664062, 0.8804687, 0.89453125, 0.9085938, 0.92265624, 0.9367187, 0.9507812, 0.96484375,
    0.9789062, 0.99296874, 1], "f4")
DYNAMIC = np.concatenate([-POSITIVE[-2::-1], np.zeros(1, "f4"), POSITIVE])


class MessageError(Exception):
    """A file is not a message; the text says which and why."""


class Tensor(typing.NamedTuple):
    """What an entry stands for, and where its bytes begin and end in the file. The codec is None where they are the elements."""
    name: str
    dtype: str
    shape: tuple
    codec: typing.Optional[str]
    begin: int
    end: int

    @property
    def count(self):
        return int(np.prod(self.shape, dtype=object))


def ceil(count, block):
    return -(-count // block)


def planes(codec, n):
    """The bytes of a tile of n elements: of its scales, and of its codes. An empty tensor has no tile."""
    if BLOCKS[codec] == 1:
        return 0, 2 * n
    if codec == "nf4n":
        return (4 if n else 0) + 4 * ceil(n, 256 * 64) + ceil(n, 64), ceil(n, 2)
    if codec in INTEGER_BITS:
        return 2 * ceil(n, BLOCKS[codec]), ceil(n * INTEGER_BITS[codec], 8)
    if codec in KEPT_OF:
        return 4 * ceil(n, 4096), (low_bits(codec) + 4) * ceil(n, 8 * KEPT_OF[codec])
    return 4 * ceil(n, BLOCKS[codec]), n if codec in ("int8", "int8b") else ceil(n, 2)


def low_bits(codec):
    return KEPT_OF[codec].bit_length() - 1


def unpack(codes, bits):
    """Numbers of so many bits, from the highest bits of each byte on."""
    return np.unpackbits(codes).reshape(-1, bits) @ (1 << np.arange(bits)[::-1])


def integers(codec, codes, n):
    """The whole numbers that the codes of int4, int2 and int1 stand for."""
    numbers = unpack(codes, INTEGER_BITS[codec])[:n]
    return {"int4": (numbers ^ 8) - 8, "int2": 2 * numbers - 3, "int1": 1 - 2 * numbers}[codec].astype("<f4")


def sparse(codec, magnitudes, codes, n):
    """A tile of runs of 4096 values, all but the largest of them zeros."""
    values, low = np.zeros(n, "<f4"), low_bits(codec)
    for first in range(0, n, 4096):
        run = values[first:first + 4096]
        groups = ceil(len(run), 8 * KEPT_OF[codec])
        lows, bitmap, signs, codes = np.split(codes, [low * groups, (low + 2) * groups, (low + 4) * groups])
        ones = np.flatnonzero(np.unpackbits(bitmap))[:ceil(len(run), KEPT_OF[codec])]
        count = np.arange(len(ones))
        positions = (ones - count << low) + unpack(lows, low)[count]
        inside = positions < len(run)
        code = unpack(signs, 2)[count]
        kept = magnitudes[first // 4096 * 2 + (code & 1)] * np.where(code & 2, np.float32(-1), np.float32(1))
        run[positions[inside]] = kept[inside]
    return values


def widen_bf16(bits):
    return (bits.astype("<u4") << 16).view("<f4")


def decode(codec, raw, n):
    """The n fp32 values of a tile's bytes."""
    scales, codes = np.split(raw, [planes(codec, n)[0]])
    if codec == "fp16":
        return codes.view("<f2").astype("<f4")
    if codec == "bf16":
        return widen_bf16(codes.view("<u2"))
    if codec in KEPT_OF:
        return sparse(codec, widen_bf16(scales.view("<u2")), codes, n)
    if codec in INTEGER_BITS:
        return integers(codec, codes, n) * np.repeat(widen_bf16(scales.view("<u2")), BLOCKS[codec])[:n]
    if codec == "int8":
        levels = DYNAMIC[codes]
    elif codec == "int8b":
        levels = codes.view("i1").astype("<f4") * np.float32(1 / 127)
    else:
        levels = (FP4 if codec == "fp4" else NF4)[np.stack([codes >> 4, codes & 15], axis=1).reshape(-1)[:n]]
    if codec == "nf4n":
        blocks = ceil(n, 64)
        mean, groups, scale_codes = np.split(scales, [4, len(scales) - blocks])
        scales = DYNAMIC[scale_codes] * np.repeat(groups.view("<f4"), 256)[:blocks] + mean.view("<f4")
    return levels * np.repeat(scales.view("<f4"), BLOCKS[codec])[:n]


def narrow(values, dtype):
    """fp32 values in their original type, to nearest even; BF16 as its bits."""
    if dtype == "F16":
        return np.clip(values, -65504, 65504).astype("<f2")
    if dtype == "BF16":
        bits = values.view("<u4")
        return ((bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16).astype("<u2")
    return values


def require(fits, otherwise):
    if not fits:
        raise MessageError(otherwise)


def unique(pairs):
    names = [name for name, _ in pairs]
    require(len(set(names)) == len(names), f"a name stands twice among {names[:5]}")
    return dict(pairs)


def whole_numbers(name, values):
    fit = isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 63 for value in values)
    require(fit, f"tensor '{name}' has {values!r} for a list of whole numbers")
    return tuple(values)


def stored(name, entry, data):
    """An entry as it stands in the header; its data is counted from where the header ends."""
    require(set(entry) == {"dtype", "shape", "data_offsets"}, f"tensor '{name}' needs dtype, shape and data_offsets, and nothing else")
    shape, offsets = whole_numbers(name, entry["shape"]), whole_numbers(name, entry["data_offsets"])
    require(entry["dtype"] in TYPES and len(offsets) == 2, f"tensor '{name}' has the unknown type '{entry['dtype']}', or not two offsets")
    tensor = Tensor(name, entry["dtype"], shape, None, data + offsets[0], data + offsets[1])
    require(tensor.end - tensor.begin == tensor.count * SIZES[tensor.dtype],
            f"tensor '{name}' of {tensor.dtype} {list(shape)} cannot take {tensor.end - tensor.begin} bytes")
    return tensor


def interpret(entry, row):
    """What an entry with a row in the metadata stands for."""
    codec, dtype, name = row["codec"], row["dtype"], entry.name
    require(codec in BLOCKS, f"tensor '{name}' has the unknown codec '{codec}'; it may come from a newer version")
    require((row["block"], row["tile"]) == (BLOCKS[codec], TILE), f"tensor '{name}' has other blocks or tiles than {codec} has")
    require(dtype in ENCODES[codec], f"tensor '{name}' stands for {dtype}, which {codec} does not encode")
    tensor = entry._replace(dtype=dtype, shape=whole_numbers(name, row["shape"]), codec=codec)
    length = tensor.count // TILE * sum(planes(codec, TILE)) + sum(planes(codec, tensor.count % TILE))
    expected = (codec.upper().replace("FP", "F"), tensor.shape) if BLOCKS[codec] == 1 else ("U8", (length,))
    require((entry.dtype, entry.shape) == expected, f"tensor '{name}' is stored as {entry.dtype} {list(entry.shape)}, "
            f"but {codec} of {dtype} {list(tensor.shape)} takes {expected[0]} {list(expected[1])}")
    return tensor


def read_header(path):
    """The tensors of a message, in the order of their data."""
    try:
        with open(path, "rb") as file:
            size, first = os.fstat(file.fileno()).st_size, file.read(8)
            length = int.from_bytes(first, "little")
            require(len(first) == 8 and length <= min(HEADER_MAX, size - 8),
                    f"the header claims {length} bytes of a file of {size}: it is cut short, or no safetensors file")
            header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=unique)
        metadata = header.pop("__metadata__", {})
        rows = {key[len(ROW):]: json.loads(row, object_pairs_hook=unique) for key, row in metadata.items() if key.startswith(ROW)}
        entries = sorted((stored(name, entry, 8 + length) for name, entry in header.items()), key=lambda entry: (entry.begin, entry.end))
        ends = [8 + length] + [entry.end for entry in entries]
        for entry, end in zip(entries, ends):
            require(entry.begin == end, f"tensor '{entry.name}' begins at byte {entry.begin}, where the data before it ends at {end}")
        require(ends[-1] == size, f"the tensors end at byte {ends[-1]}, but the file has {size}")
        require(rows.keys() <= header.keys(), f"the metadata describes {rows.keys() - header.keys()}, which are not in the file")
        return [interpret(entry, rows[entry.name]) if entry.name in rows else entry for entry in entries]
    except MessageError as error:
        raise MessageError(f"{path}: {error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MessageError(f"{path}: the header is malformed ({error!r})") from error


def tiles(path, tensor):
    """The number of its first element and the values of each tile, in the tensor's type; BF16 as its bits."""
    with open(path, "rb") as file:
        file.seek(tensor.begin)
        for first in range(0, tensor.count, TILE):
            n = min(TILE, tensor.count - first)
            length = sum(planes(tensor.codec, n)) if tensor.codec else n * SIZES[tensor.dtype]
            raw = np.frombuffer(file.read(length), "u1")
            require(len(raw) == length, f"{path}: ends within tensor '{tensor.name}'; it was cut short after it was opened")
            yield first, narrow(decode(tensor.codec, raw, n), tensor.dtype) if tensor.codec else raw.view(TYPES[tensor.dtype])


def read_message(path):
    """All tensors by name; BF16 as float32, which holds it exactly."""
    arrays = {}
    for tensor in read_header(path):
        values = np.concatenate([np.empty(0, TYPES[tensor.dtype])] + [values for _, values in tiles(path, tensor)]).reshape(tensor.shape)
        arrays[tensor.name] = widen_bf16(values) if tensor.dtype == "BF16" else values
    return arrays


def write_safetensors(source, path):
    """Writes a message's tensors in their original types; widest first, so that all are aligned."""
    tensors, header, end = sorted(read_header(source), key=lambda tensor: -SIZES[tensor.dtype]), {}, 0
    for tensor in tensors:
        begin, end = end, end + tensor.count * SIZES[tensor.dtype]
        header[tensor.name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode("ascii")
    text += b" " * (-len(text) % 8)
    with open(path + ".partial", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors:
            for _, values in tiles(source, tensor):
                file.write(values.tobytes())
    os.replace(path + ".partial", path)


def crc64_table():
    """For each byte the remainder of CRC-64/NVME: polynomial AD93D23594C93659, bits reflected."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (value & 1) * 0x9A6C9329AC4BC9B5
        table.append(value)
    return table


def crc64(content, table=tuple(crc64_table())):
    """The checksum of a part, begun and ended with all ones. A byte at a time: some seconds for a part of 8 MiB."""
    state = 2**64 - 1
    for byte in content:
        state = state >> 8 ^ table[(state ^ byte) & 0xFF]
    return state ^ 2**64 - 1


def object_digest(path, part_bytes=8 << 20):
    """The digest of the object that a file is, in parts of that size."""
    lines = ["tributary-object 2", f"length {os.path.getsize(path)}", f"part-bytes {part_bytes}"]
    with open(path, "rb") as file:
        while part := file.read(part_bytes):
            lines.append(f"{crc64(part):016x}")
    return "sha256:" + hashlib.sha256("".join(line + "\n" for line in lines).encode("ascii")).hexdigest()


def main():
    parser = argparse.ArgumentParser(description="List the tensors of a Tributary message, or write them decoded.")
    parser.add_argument("file", help="a message file")
    parser.add_argument("--out", metavar="FILE.safetensors", help="write the tensors in their original types")
    parser.add_argument("--digest", metavar="PART_BYTES", type=int, help="print the file's digest as an object in parts of so many bytes")
    arguments = parser.parse_args()
    if arguments.digest is not None and not 1024 <= arguments.digest <= 256 << 20:
        parser.error(f"--digest is {arguments.digest}, but parts have from 1024 to {256 << 20} bytes")
    if arguments.out and os.path.exists(arguments.out):
        parser.error(f"--out is '{arguments.out}', which is there already")
    try:
        if arguments.digest is not None:
            print(object_digest(arguments.file, arguments.digest))
        elif arguments.out:
            write_safetensors(arguments.file, arguments.out)
        else:
            for name, dtype, shape, codec, begin, end in read_header(arguments.file):
                print(f"{name}  {dtype} {list(shape)}  {codec or 'dense'}  {end - begin} bytes")
    except (MessageError, OSError) as error:
        sys.exit(f"read_message.py: {error}")


if __name__ == "__main__":
    main()
