"""Supervised fine-tuning of a Llama at a site, full or with LoRA, on a GPU where there is one. A job file names this script among its
trainers; see README.md. It trains as the trainer inside does: same records, order, prompt, loss and optimizer."""
import contextlib
import fnmatch
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
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not any(fnmatch.fnmatchcase(name, pattern) for pattern in task.train.get("freeze") or []))
        self.lora = None
        if task.train["lora"]:
            settings = task.train["lora"]
            self.model.load_state_dict(llama.load(task.checkpoint).state_dict())
            self.lora = lora.Lora(self.model, settings["rank"], settings["alpha"], settings["dropout"], settings["targets"])
        self.bf16 = bool(task.options.get("bf16"))
        self.kept = None

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

    def optimizer(self, settings):
        """AdamW, as at the beginning of a round or, where the job says so, as the round before left it."""
        if self.kept is None or settings["optimizer_state"] == "fresh":
            linear = {id(layer.weight) for layer in self.model.modules() if isinstance(layer, torch.nn.Linear)} - {id(self.model.model.embed_tokens.weight)}
            decays = {"linear": lambda p: id(p) in linear or self.lora is not None, "matrices": lambda p: p.dim() > 1, "all": lambda p: True}[settings["decay"]]
            parameters = self.parameters()
            self.kept = torch.optim.AdamW(
                [{"params": [p for p in parameters if decays(p)], "weight_decay": settings["weight_decay"]},
                 {"params": [p for p in parameters if not decays(p)], "weight_decay": 0.0}],
                betas=(0.9, 0.999), eps=1e-8)
        return self.kept

    def train(self, task):
        """Trains as the task says and gives the mean loss and the tokens trained on; None when the task is not wanted any more."""
        settings, examples, parameters = task.train, self.records.train, self.parameters()
        optimizer = self.optimizer(settings)
        anchor = [p.detach().clone() for p in parameters] if settings["proximal_mu"] else []
        size = min(settings["batch_size"], len(examples))
        step_size = min(size * settings["gradient_accumulation"], len(examples))
        epoch_steps = math.ceil(len(examples) / step_size)
        steps = epoch_steps * settings["epochs"]
        random, order = records.SplitMix64(records.order_seed(task)), list(range(len(examples)))
        total, responses, tokens, start = 0.0, 0, 0, time.monotonic()
        self.train_mode(True)
        for step in range(steps):
            if task.aborted:
                return None
            if step % epoch_steps == 0:
                random.shuffle(order)
            chosen = [examples[place] for place in order[step % epoch_steps * step_size:][:step_size]]
            count = sum(len(example[0]) - example[1] for example in chosen)
            loss = 0.0
            optimizer.zero_grad()
            for first in range(0, len(chosen), size):
                batch_loss, _ = self.loss(chosen[first:first + size])
                (batch_loss / count).backward()
                loss += batch_loss.item()
            for parameter, received in zip(parameters, anchor):
                parameter.grad.add_(parameter.detach() - received, alpha=settings["proximal_mu"])
            if not math.isfinite(clip(parameters, settings["clip_norm"])):
                raise ArithmeticError(f"the gradients are not finite at step {step + 1}. Lower train.learning_rate in the job file")
            for group in optimizer.param_groups:
                group["lr"] = settings["learning_rate"] * rate(settings, (task.round - 1) * steps + step, task.rounds * steps)
            optimizer.step()
            total, responses, tokens = total + loss, responses + count, tokens + sum(len(example[0]) for example in chosen)
            task.log(step=step + 1, steps=steps, loss=loss / count, tokens_per_second=tokens / (time.monotonic() - start))
        return total / responses, tokens


def rate(settings, step, steps):
    """What the learning rate is multiplied by at a step of all of the job's: transformers' schedules."""
    warmup = math.ceil(settings["warmup_ratio"] * steps) or settings["warmup_steps"]
    if step < warmup:
        return step / warmup
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    return {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[settings["schedule"]]


def clip(parameters, limit):
    """Scales gradients whose norm, taken as one vector, is above the limit down to it; gives the norm."""
    norm = torch.stack([parameter.grad.norm() for parameter in parameters]).norm().item()
    if norm > limit:
        for parameter in parameters:
            parameter.grad.mul_(limit / norm)
    return norm


def work(site, task):
    """Does one task and answers it."""
    if site.lora:
        site.lora.load(task.tensors())
    else:
        task.load_into(site.model)
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
    task.send(site.lora.named() if site.lora else site.model.state_dict(), samples=len(site.records.train), metrics=metrics)


def main():
    site = None
    for task in tributary.tasks():
        unknown = [name for name in ("early_stop", "checkpoint_every") if task.train[name]] + ["template: chat"] * (task.train["template"] != "plain")
        if unknown:
            task.fail(f"samples/pytorch-sft does not know train.{' and train.'.join(unknown)}; leave it out of the job, or use the trainer inside")
            continue
        site = site or Site(task)
        work(site, task)


if __name__ == "__main__":
    main()
