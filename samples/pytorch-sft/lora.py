"""Low-rank adapters (Hu et al., 2021) beside a model's linear layers: the model's own weights stay as they are, and so do their names."""
import torch
from torch import nn


class Adapter(nn.Module):
    """A forward hook of a linear layer: adds (alpha / rank) B A dropout(x)."""

    def __init__(self, linear, rank, alpha, dropout):
        super().__init__()
        device = linear.weight.device
        self.lora_A = nn.Parameter(torch.empty(rank, linear.in_features, device=device))
        self.lora_B = nn.Parameter(torch.empty(linear.out_features, rank, device=device))
        self.scale, self.dropout = alpha / rank, nn.Dropout(dropout)

    def forward(self, linear, inputs, output):
        return output + self.dropout(inputs[0]) @ self.lora_A.T @ self.lora_B.T * self.scale


class Lora(nn.Module):
    """The adapters of a model, whose own parameters no longer take gradients. What they are a task's model says."""

    def __init__(self, model, rank=8, alpha=16, dropout=0.0, targets=("q_proj", "v_proj")):
        super().__init__()
        layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear) and name.rsplit(".", 1)[-1] in targets}
        missing = set(targets) - {name.rsplit(".", 1)[-1] for name in layers}
        if missing or rank < 1:
            raise ValueError(f"no linear layer is named {', '.join(sorted(missing))}" if missing else f"rank is {rank}, but should be at least 1")
        model.requires_grad_(False)
        self.names = list(layers)
        self.adapters = nn.ModuleList(Adapter(layer, rank, alpha, dropout) for layer in layers.values())
        for layer, adapter in zip(layers.values(), self.adapters):
            layer.register_forward_hook(adapter)

    def named(self):
        """The adapters' matrices under the names that PEFT gives them."""
        return {f"base_model.model.{name}.{kind}.weight": getattr(adapter, kind)
                for name, adapter in zip(self.names, self.adapters) for kind in ("lora_A", "lora_B")}

    @torch.no_grad()
    def load(self, tensors):
        named = self.named()
        if named.keys() != tensors.keys():
            raise ValueError(f"the job's adapters and the received ones differ, first in {min(named.keys() ^ tensors.keys())}")
        for name, tensor in tensors.items():
            named[name].copy_(tensor)
