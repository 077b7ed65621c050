"""A model's tokenizer.json, read with the standard library: byte pair encoding over characters (SentencePiece's, as in Llama 2) or over
bytes (as in GPT-2 and Llama 3). Text is always plain text: an "</s>" in it becomes the tokens of four characters, so that data cannot
bring special tokens in; the tokenizers package would read it as the end of the text."""
import heapq
import json
import os
import re
import sys
import unicodedata

SPACE = "\u2581"  # what stands for a space in SentencePiece's pieces
WHITE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def load(folder):
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        document = json.load(file)
    if document["model"].get("type", "BPE") != "BPE":
        raise ValueError(f"{folder}/tokenizer.json is {document['model']['type']}; BPE is supported")
    steps = _steps(document.get("pre_tokenizer"), "pretokenizers")
    kind = Bytes if any(step["type"] == "ByteLevel" for step in steps) else SentencePiece
    return kind(document, steps, _read(folder, "tokenizer_config.json"), _read(folder, "config.json"))


def _read(folder, name):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Tokenizer:
    def __init__(self, document, names, config):
        model, added = document["model"], document.get("added_tokens") or []
        self.vocabulary = model["vocab"]
        ids = {**self.vocabulary, **{token["content"]: token["id"] for token in added}}
        # The ends of a text: as tokenizer_config.json names them, or <s> and </s>, or as config.json numbers them.
        self.start = [token for step in _steps(document.get("post_processor"), "processors") if step["type"] == "TemplateProcessing" for token in _first(step)]
        bos, self.eos = ((ids[_content(names[key + "_token"])] if names.get(key + "_token") else ids.get(default, _number(config.get(key + "_token_id"))))
                         for key, default in (("bos", "<s>"), ("eos", "</s>")))
        if self.eos is None:
            raise ValueError("tokenizer_config.json names no eos_token")
        if bos is not None and (isinstance(self, SentencePiece) or names.get("add_bos_token")):
            self.start = [bos]
        # Added tokens that are not special are text: they are found in it before anything else.
        plain = sorted((token for token in added if not token.get("special")), key=lambda token: -len(token["content"]))
        self.added = {token["content"]: token["id"] for token in plain}
        kinds = ([token for token in plain if bool(token.get("normalized")) == normalized] for normalized in (False, True))
        self.patterns = [re.compile("(" + "|".join(map(_found, tokens)) + ")") for tokens in kinds if tokens]
        self.unknown = self.vocabulary.get(model.get("unk_token"))
        self.fuses_unknown = bool(model.get("fuse_unk"))
        self.merges = {}
        for rank, pair in enumerate(model["merges"]):
            left, right = pair.split(" ") if isinstance(pair, str) else pair
            self.merges.setdefault((self.vocabulary[left], self.vocabulary[right]), (rank, self.vocabulary[left + right]))

    def encode(self, text):
        """The tokens of a plain text, without those of its ends."""
        runs = [(text, False)]
        for pattern in self.patterns:
            runs = [(part, is_added or place % 2 == 1) for run, is_added in runs for place, part in enumerate([run] if is_added else pattern.split(run))]
        ids = []
        for place, (part, is_added) in enumerate(runs):
            ids.extend([self.added[part]] if is_added else self.encode_text(part, place == 0) if part else [])
        return ids

    def merge(self, ids):
        """Merges neighbours, the pair of the lowest rank and among equals the leftmost first, until no pair is left to merge."""
        after, before = list(range(1, len(ids) + 1)), list(range(-1, len(ids) - 1))
        heap = []

        def propose(left):
            if left >= 0 and after[left] < len(ids) and (ids[left], ids[after[left]]) in self.merges:
                pair = ids[left], ids[after[left]]
                heapq.heappush(heap, (self.merges[pair][0], left, pair))

        for place in range(len(ids)):
            propose(place)
        while heap:
            _, left, pair = heapq.heappop(heap)
            right = after[left]
            if right >= len(ids) or (ids[left], ids[right]) != pair:
                continue  # one of the two has been merged with its other neighbour since
            ids[left], ids[right], after[left] = self.merges[pair][1], None, after[right]
            if after[left] < len(ids):
                before[after[left]] = left
            propose(before[left])
            propose(left)
        return [id for id in ids if id is not None]

    def unknowns(self, ids):
        if self.unknown is None:
            raise ValueError("a character is not in the vocabulary, which has no unknown token either")
        if not (self.fuses_unknown and ids and ids[-1] == self.unknown):
            ids.append(self.unknown)


class SentencePiece(Tokenizer):
    def __init__(self, document, steps, names, config):
        super().__init__(document, names, config)
        normalizers = _steps(document.get("normalizer"), "normalizers")
        self.prepends = any(step["type"] == "Prepend" for step in normalizers)
        self.only_missing = self.only_first = False
        for step in steps:  # Metaspace, in newer files
            if step["type"] != "Metaspace" or step.get("split") is not False:
                raise ValueError(f"the pre_tokenizer {step} is not supported")
            self.prepends = self.only_missing = step.get("prepend_scheme") != "never"
            self.only_first = step.get("prepend_scheme") == "first"
        self.bytes = [self.vocabulary[f"<0x{value:02X}>"] for value in range(256)] if document["model"].get("byte_fallback") else None

    def encode_text(self, text, first):
        if (first or not self.only_first) and self.prepends and not (self.only_missing and text[0] in (" ", SPACE)):
            text = SPACE + text
        ids = []
        for character in text.replace(" ", SPACE):
            if character in self.vocabulary:
                ids.append(self.vocabulary[character])
            elif self.bytes:
                ids.extend(self.bytes[value] for value in character.encode("utf-8", "replace"))
            else:
                self.unknowns(ids)
        return self.merge(ids)


class Bytes(Tokenizer):
    def __init__(self, document, steps, names, config):
        super().__init__(document, names, config)
        self.splits, self.prepends = [], False
        for step in steps:
            if step["type"] == "Split" and step.get("behavior") == "Isolated" and not step.get("invert"):
                self.splits.append(_compile(step["pattern"].get("Regex") or re.escape(step["pattern"]["String"])))
            elif step["type"] == "Digits":
                self.splits.append(_compile(r"\p{N}" if step.get("individual_digits") else r"\p{N}+"))
            elif step["type"] == "ByteLevel":
                self.prepends = step.get("add_prefix_space", True)
                self.splits += [_compile(GPT2)] if step.get("use_regex", True) else []
            else:
                raise ValueError(f"the pre_tokenizer {step} is not supported")
        self.ignores_merges = bool(document["model"].get("ignore_merges"))
        self.letters, self.cache = _letters(), {}

    def encode_text(self, text, first):
        words = [" " + text if self.prepends and text[0] != " " else text]
        for split in self.splits:
            words = [part for word in words for part in _cut(split, word)]
        ids = []
        for word in words:
            if word not in self.cache:
                self.cache[word] = self.encode_word(word)
            ids.extend(self.cache[word])
        return ids

    def encode_word(self, word):
        letters = [self.letters[value] for value in word.encode("utf-8", "replace")]
        if self.ignores_merges and "".join(letters) in self.vocabulary:
            return [self.vocabulary["".join(letters)]]
        ids = []
        for letter in letters:
            if letter in self.vocabulary:
                ids.append(self.vocabulary[letter])
            else:
                self.unknowns(ids)
        return self.merge(ids)


def _steps(element, key):
    return [] if element is None else element[key] if element["type"] == "Sequence" else [element]


def _content(token):
    return token["content"] if isinstance(token, dict) else token


def _found(token):
    pattern = re.escape(token["content"])
    word = rf"[\w{_range('M')}\u200c\u200d]"
    return rf"(?<!{word}){pattern}(?!{word})" if token.get("single_word") else pattern


def _number(ids):
    return ids[0] if isinstance(ids, list) else ids


def _first(step):
    """The tokens that a template puts before a text."""
    for piece in step["single"]:
        if "SpecialToken" not in piece:
            return
        yield from step["special_tokens"][piece["SpecialToken"]["id"]]["ids"]


def _letters():
    """The printable character that stands for each byte (GPT-2's bytes_to_unicode)."""
    letters, others = [], 0
    for value in range(256):
        printable = 0x21 <= value <= 0x7E or 0xA1 <= value <= 0xAC or 0xAE <= value
        letters.append(chr(value if printable else 256 + others))
        others += not printable
    return letters


def _cut(split, text):
    """A text's matches, and what lies between them."""
    done = 0
    for match in split.finditer(text):
        if match.start() > done:
            yield text[done:match.start()]
        if match.end() > match.start():
            yield match.group()
        done = match.end()
    if done < len(text):
        yield text[done:]


_ranges = {}


def _range(category):
    """The characters of a Unicode category such as L, as the inside of a character class."""
    if category not in _ranges:
        runs = []
        for code in range(sys.maxunicode + 1):
            if unicodedata.category(chr(code)).startswith(category):
                if runs and runs[-1][1] == code - 1:
                    runs[-1][1] = code
                else:
                    runs.append([code, code])
        _ranges[category] = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in runs)
    return _ranges[category]


def _compile(pattern):
    """A pattern for Oniguruma in Python's words: \\p{L} and \\s are written out, since re has not the one and means more by the other."""
    result, inside, place = [], False, 0
    while place < len(pattern):
        found = re.match(r"\\([pP])\{(\w+)\}|\\([sS])|\\.|.", pattern[place:], re.S)
        characters = _range(found[2]) if found[1] else WHITE if found[3] else None
        negative = "P" in (found[1] or "") or found[3] == "S"
        if characters is None:
            inside = found[0] == "[" or inside and found[0] != "]"
            result.append(found[0])
        elif inside and negative:
            raise ValueError(f"{found[0]} inside a character class is not supported")
        else:
            result.append(characters if inside else f"[{'^' if negative else ''}{characters}]")
        place += found.end()
    return re.compile("".join(result))
