"""What samples/pytorch-sft makes of the texts of expected.json in a folder with a tokenizer.json: prints those whose tokens are others."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "samples", "pytorch-sft"))
import tokenizer

folder = sys.argv[1]
encoder = tokenizer.load(folder)
with open(os.path.join(folder, "expected.json"), encoding="utf-8") as file:
    vectors = json.load(file)
wrong = [(vector["text"], encoder.encode(vector["text"]), vector["plain"]) for vector in vectors if encoder.encode(vector["text"]) != vector["plain"]]
sys.exit("\n".join(map(ascii, wrong)) if wrong else 0 if vectors else "there are no texts")
