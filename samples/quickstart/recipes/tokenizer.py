"""Learns a byte pair encoding in SentencePiece's style, and writes it as the tokenizers library does for a Llama."""

import json
import re
from collections import Counter, defaultdict

SPECIAL = ["<unk>", "<s>", "</s>"]
SPACE = "\u2581"


def split(text):
    """The words of a text, each with the space before it; digits and signs stand alone, so no piece spans two kinds."""
    return re.findall(r"\u2581?[A-Za-z]+|\u2581?'[a-z]+|\u2581|[^\u2581]", text.replace(" ", SPACE))


def learn(texts, size):
    """The pieces in order of their ids and the merges in order of their rank."""
    counts = Counter()
    for text in texts:
        counts.update(split(text))
    # A newline is left to its byte, as in Llama's own vocabulary.
    letters = sorted({letter for word in counts for letter in word} - {"\n"})
    words = [(list(word), count) for word, count in sorted(counts.items())]
    pairs, holders = Counter(), defaultdict(set)
    for index, (parts, count) in enumerate(words):
        for pair in zip(parts, parts[1:]):
            pairs[pair] += count
            holders[pair].add(index)

    merges, merged_pieces = [], []
    room = size - len(SPECIAL) - 256 - len(letters)
    while len(merged_pieces) < room:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        piece = best[0] + best[1]
        merges.append(best)
        if piece not in merged_pieces:
            merged_pieces.append(piece)
        for index in sorted(holders.pop(best)):
            parts, count = words[index]
            for pair in zip(parts, parts[1:]):
                pairs[pair] -= count
            joined, place = [], 0
            while place < len(parts):
                if tuple(parts[place:place + 2]) == best:
                    joined.append(piece)
                    place += 2
                else:
                    joined.append(parts[place])
                    place += 1
            parts[:] = joined
            for pair in zip(parts, parts[1:]):
                pairs[pair] += count
                holders[pair].add(index)
        pairs = +pairs
    return SPECIAL + [f"<0x{value:02X}>" for value in range(256)] + merged_pieces + letters, merges


def document(pieces, merges):
    """The text of tokenizer.json."""
    added = [{"id": number, "content": piece, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
             for number, piece in enumerate(SPECIAL)]
    bos = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    first, second = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        # No space is put in front of a text, so that a prompt has the same tokens in one piece and in several.
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": " "}, "content": SPACE}]},
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing", "single": [bos, first], "pair": [bos, first, {"SpecialToken": {"id": "<s>", "type_id": 1}}, second],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {piece: number for number, piece in enumerate(pieces)}, "merges": [f"{left} {right}" for left, right in merges]},
    }
    return json.dumps(tokenizer, ensure_ascii=False, indent=1) + "\n"
