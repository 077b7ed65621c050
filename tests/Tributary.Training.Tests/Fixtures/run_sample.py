"""Runs samples/pytorch-sft on what task.json in a folder says, outside of any federation: the logits of some tokens, tokens of some texts, the
held-out loss and the losses of all steps. PyTorchSampleTests compares them with what C# makes of the same."""
import json
import os
import sys
import types

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
sys.path[:0] = [os.path.join(ROOT, "samples", "pytorch-sft"), os.path.join(ROOT, "python")]

import torch
import llama
import tokenizer
import train
import tributary

folder = sys.argv[1]
with open(os.path.join(folder, "task.json"), encoding="utf-8") as file:
    given = json.load(file)
losses = []
task = types.SimpleNamespace(**given, options={}, aborted=False, log=lambda loss, **more: losses.append(float(loss)))

model = llama.load(task.checkpoint)
with torch.no_grad():
    logits = model(torch.tensor([task.tokens]))[0]
tributary.write_safetensors(os.path.join(folder, "logits.safetensors"), {"logits": logits})

site = train.Site(task)
site.model.load_state_dict(model.state_dict())
received, count = site.evaluate()
encoder = tokenizer.load(task.checkpoint)
site.train(task)
with open(os.path.join(folder, "result.json"), "w", encoding="utf-8") as file:
    json.dump({"ids": [encoder.encode(text) for text in task.texts], "received_loss": received, "held_out_tokens": count, "losses": losses}, file)
