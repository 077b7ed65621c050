"""A site's records as tokens: the shapes of a line, the prompt template, the split and the order of the trainer inside Tributary, so that
the one can take the place of the other. docs/TRAINERS.md and src/Tributary.Training/Data say the same in words and in C#."""
import hashlib
import json

import torch

HEADER = "Response:\n"
ROLES = {"system": "System", "user": "Instruction", "assistant": "Response"}
IGNORED = -100  # the target of a row that does not count in the loss


class SplitMix64:
    """Steele, Lea and Flood (2014): the order of records depends on the seed alone, in any language."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = 2 ** 64 - 1
        self.state = z = (self.state + 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = ((self.next() >> 32) * (i + 1)) >> 32
            items[i], items[j] = items[j], items[i]


def order_seed(task):
    """A seed of this job, round and site alone."""
    return int.from_bytes(hashlib.sha256(f"{task.seed}/{task.round}/{task.step}/{task.site}".encode()).digest()[:8], "little")


def parse(line):
    """A line's prompt, as (role, text), and its response."""
    record = json.loads(line)
    if "messages" in record:
        turns = [(ROLES[message["role"]], message["content"]) for message in record["messages"]]
        last = max((place for place, turn in enumerate(turns) if turn[0] == "Response"), default=0)
        if last == 0 or not turns[last][1].strip():
            raise ValueError("has no response of the assistant with a message before it")
        return turns[:last], turns[last][1]
    context = record.get("context") if record.get("context") is not None else record.get("input")
    response = record.get("response") if record.get("response") is not None else record.get("output")
    if not isinstance(record.get("instruction"), str) or not (response or "").strip():
        raise ValueError("should be {instruction, context?, response}, {instruction, input?, output} or {messages: [{role, content}, ...]}")
    return [("Instruction", record["instruction"])] + ([("Input", context)] if (context or "").strip() else []), response


def encode(line, tokenizer, length):
    """The tokens of a line, where its response begins, and whether something was left out: the middle of a prompt that is too long, and
    the end of the response only where that would leave the prompt less than a quarter."""
    turns, text = parse(line)
    body = tokenizer.encode("".join(f"{role}:\n{content}\n\n" for role, content in turns))
    header, response = tokenizer.encode(HEADER), tokenizer.encode(text) + [tokenizer.eos]
    room = length - len(tokenizer.start) - len(header)
    truncated = len(body) + len(response) > room
    if truncated:
        response = response[:room - min(len(body), length // 4, room - 1)]
        kept = min(len(body), room - len(response))
        body = body[:(kept + 1) // 2] + body[len(body) - kept // 2:]
    tokens = tokenizer.start + body + header + response
    return tokens, len(tokens) - len(response), truncated


def read(path, count, tokenizer, length):
    """The first records of a file, or all of them."""
    examples = []
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if len(examples) == count:
                break
            if line.strip():
                try:
                    examples.append(encode(line, tokenizer, length))
                except (ValueError, KeyError, TypeError, AttributeError) as fault:
                    raise ValueError(f"{path}, line {number}: {fault}") from fault
    if not examples:
        raise ValueError(f"{path}: has no records; write one JSON object per line")
    return examples


class Records:
    """The records to train on and those held out."""

    def __init__(self, task, tokenizer):
        self.train = examples = read(task.data, task.records, tokenizer, task.train["sequence_length"])
        if task.held_out_data:
            self.held_out = read(task.held_out_data, None, tokenizer, task.train["sequence_length"])
        elif len(examples) < 2:
            raise ValueError(f"{task.data}: has only one record, so none can be held out; give at least two, or a file of held-out records")
        else:
            order = list(range(len(examples)))
            SplitMix64(task.seed).shuffle(order)
            count = min(max(round(len(examples) * task.held_out), 1), len(examples) - 1)
            self.held_out = [examples[place] for place in sorted(order[:count])]
            self.train = [examples[place] for place in sorted(order[count:])]
        self.truncated = sum(truncated for _, _, truncated in examples)


def batch(examples, device):
    """Tokens [batch, length], padded with 0 at the end, and the token that each should predict, or IGNORED."""
    length = max(len(tokens) for tokens, _, _ in examples) - 1
    rows, targets = [], []
    for tokens, start, _ in examples:
        padding = length - len(tokens) + 1
        rows.append(tokens[:-1] + [0] * padding)
        targets.append([IGNORED] * (start - 1) + tokens[start:] + [IGNORED] * padding)
    return torch.tensor(rows, device=device), torch.tensor(targets, device=device)
