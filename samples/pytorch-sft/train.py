"""Supervised fine-tuning of a Llama at a site, full or with LoRA, on a GPU where there is one. A job file names this script among its
trainers; see README.md. It trains as the trainer inside does: same records, order, prompt, loss and optimizer."""
import contextlib
import math
import time

import tributary  # first: what is printed after it cannot break the protocol
import torch
import torch.nn.functional as functional

import llama
import lora
import records
import tokenizer

EVALUATION_BATCH = 8


class Site:
    """What lives from one task to the next."""

    def __init__(self, task):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = llama.Llama(llama.Config(task.checkpoint)).to(self.device)
        if task.train["sequence_length"] > self.model.config.positions:
            raise ValueError(f"train.sequence_length is {task.train['sequence_length']}, but the model takes {self.model.config.positions}")
        self.records = records.Records(task, tokenizer.load(task.checkpoint))
        self.lora = lora.Lora(self.model, **task.options["lora"]) if "lora" in task.options else None
        self.bf16 = bool(task.options.get("bf16"))

    def loss(self, examples):
        """The sum of the losses of the response tokens, and their number."""
        tokens, targets = records.batch(examples, self.device)
        chosen = targets != records.IGNORED
        with torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext():
            logits = self.model(tokens, chosen)
        return functional.cross_entropy(logits.float(), targets[chosen], reduction="sum"), int(chosen.sum())

    @torch.no_grad()
    def evaluate(self):
        """The held-out loss, in nats per response token, and its tokens."""
        self.train_mode(False)
        sums = [self.loss(self.records.held_out[first:first + EVALUATION_BATCH]) for first in range(0, len(self.records.held_out), EVALUATION_BATCH)]
        count = sum(count for _, count in sums)
        return sum(loss.item() for loss, _ in sums) / count, count

    def train_mode(self, on):
        self.model.train(on)
        if self.lora:
            self.lora.train(on)

    def parameters(self):
        return [parameter for parameter in (self.lora or self.model).parameters() if parameter.requires_grad]

    def train(self, task):
        """Trains as the task says and gives the mean loss and the tokens trained on; None when the task is not wanted any more."""
        settings, examples, parameters = task.train, self.records.train, self.parameters()
        optimizer = torch.optim.AdamW(
            [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": settings["weight_decay"]},
             {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0}],  # norms
            lr=settings["learning_rate"], betas=(0.9, 0.999), eps=1e-8)
        size = min(settings["batch_size"], len(examples))
        batches = math.ceil(len(examples) / size)
        steps = batches * settings["epochs"]
        random, order = records.SplitMix64(records.order_seed(task)), list(range(len(examples)))
        total, responses, tokens, start = 0.0, 0, 0, time.monotonic()
        self.train_mode(True)
        for step in range(steps):
            if task.aborted:
                return None
            if step % batches == 0:
                random.shuffle(order)
            chosen = [examples[place] for place in order[step % batches * size:][:size]]
            loss, count = self.loss(chosen)
            optimizer.zero_grad()
            (loss / count).backward()
            if not math.isfinite(clip(parameters, settings["clip_norm"])):
                raise ArithmeticError(f"the gradients are not finite at step {step + 1}. Lower train.learning_rate in the job file")
            optimizer.step()
            total, responses, tokens = total + loss.item(), responses + count, tokens + sum(len(example[0]) for example in chosen)
            task.log(step=step + 1, steps=steps, loss=loss / count, tokens_per_second=tokens / (time.monotonic() - start))
        return total / responses, tokens


def clip(parameters, limit):
    """Scales gradients whose norm, taken as one vector, is above the limit down to it; gives the norm."""
    norm = torch.stack([parameter.grad.norm() for parameter in parameters]).norm().item()
    if norm > limit:
        for parameter in parameters:
            parameter.grad.mul_(limit / norm)
    return norm


def work(site, task):
    """Does one task and answers it."""
    task.load_into(site.model)
    if site.lora:
        site.lora.reset(records.order_seed(task))
    received, count = site.evaluate()
    metrics = {"received_loss": received, "held_out_tokens": count, "train_records": len(site.records.train),
               "held_out_records": len(site.records.held_out), "truncated_records": site.records.truncated}
    if task.name == "evaluate":
        task.send(metrics=metrics)
        return
    trained = site.train(task)
    if trained is None:
        return
    metrics.update(train_loss=trained[0], tokens=trained[1], local_loss=site.evaluate()[0])
    # With LoRA the base stays as it was received, and the adapters' changes of it are what this site sends.
    task.send(site.lora.changes() if site.lora else site.model.state_dict(), samples=len(site.records.train), metrics=metrics, delta=site.lora is not None)


def main():
    site = None
    for task in tributary.tasks():
        site = site or Site(task)
        work(site, task)


if __name__ == "__main__":
    main()
