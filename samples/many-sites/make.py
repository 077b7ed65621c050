#!/usr/bin/env python3
"""Makes records.jsonl: the first records of the quickstart's three businesses in one file, in turn, each with its business as category.

Standard library only; the same bytes on every machine.
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
COUNT = 160  # of each business


def record(line, category):
    """A record in the shape {instruction, context, response, category}, whichever shape it had."""
    old = json.loads(line)
    if "messages" in old:
        texts = {message["role"]: message["content"] for message in old["messages"]}
        old = {"instruction": texts["user"], "context": texts.get("system", ""), "response": texts["assistant"]}
    return {
        "instruction": old["instruction"],
        "context": old.get("context", old.get("input", "")),
        "response": old.get("response", old.get("output")),
        "category": category,
    }


def main():
    businesses = ["bank", "clinic", "workshop"]
    lines = [(HERE / f"../quickstart/data/{name}.jsonl").read_text(encoding="utf-8").splitlines()[:COUNT] for name in businesses]
    with open(HERE / "records.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for row in zip(*lines):
            for line, category in zip(row, businesses):
                file.write(json.dumps(record(line, category), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
