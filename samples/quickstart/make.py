#!/usr/bin/env python3
"""Makes the quickstart's data: three sites' records, a general corpus, a tokenizer and a Llama with random weights.

    make.py FOLDER    writes data/, general.jsonl and init/ (an untrained checkpoint) into FOLDER
    make.py --check   makes all of it again in a temporary folder and compares data and tokenizer with the committed files

Standard library only; the same bytes on every machine.
"""

import json
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True  # this folder may be read-only, and holds only what is committed
from recipes import bank, clinic, general, model, sentences, services, templates, tokenizer, workshop

HERE = Path(__file__).resolve().parent
SITES = {"clinic": clinic, "bank": bank, "workshop": workshop}
SEED = 20
VOCABULARY = 1024


def texts(record):
    """Every text of a record."""
    return [message["content"] for message in record["messages"]] if "messages" in record else [text for text in record.values() if text]


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def make(folder):
    """Writes everything and returns the paths that are committed, each with what was made for it."""
    recorder = templates.Recorder()
    corpora = {}
    for number, (site, recipe) in enumerate(SITES.items()):
        made = recorder.collect(recipe.TOPICS, recipe.WORDS, templates.Random(SEED + number), recipe.COUNT)
        corpora[site] = [recipe.record(parts) for parts in made]
        write_lines(folder / "data" / f"{site}.jsonl", corpora[site])
    random = templates.Random(SEED + len(SITES))
    made = [parts for recipe in (general, sentences, services) for parts in recorder.collect(recipe.TOPICS, recipe.WORDS, random, recipe.COUNT)]
    random.shuffle(made)
    corpora["general"] = [general.record(parts, number) for number, parts in enumerate(made)]
    write_lines(folder / "general.jsonl", corpora["general"])

    headers = ["System:", "Instruction:", "Input:", "Response:"]
    everything = [text for records in corpora.values() for record in records for text in texts(record) + headers]
    pieces, merges = tokenizer.learn(everything, VOCABULARY)
    model.write(folder / "init", tokenizer.document(pieces, merges), len(pieces), SEED)
    committed = {f"data/{site}.jsonl": folder / "data" / f"{site}.jsonl" for site in SITES}
    return committed | {"model/tokenizer.json": folder / "init" / "tokenizer.json", "model/config.json": folder / "init" / "config.json"}


def check():
    """Compares what is made now with what is committed; prints what differs and returns the exit code."""
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, made in make(Path(folder)).items():
            committed = HERE / name
            if not committed.exists():
                print(f"{name}: is not there")
                differing += 1
            elif committed.read_bytes() != made.read_bytes():
                old, new = (path.read_bytes().splitlines() for path in (committed, made))
                line = next((number for number, (a, b) in enumerate(zip(old, new), 1) if a != b), min(len(old), len(new)) + 1)
                print(f"{name}: differs from what make.py makes, first in line {line}")
                differing += 1
    if differing:
        print("Run make.sh, or undo the change.")
        return 1
    print("data and tokenizer are what make.py makes")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(0 if len(sys.argv) == 2 else 2)
    if sys.argv[1] == "--check":
        sys.exit(check())
    make(Path(sys.argv[1]))
