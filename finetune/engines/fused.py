"""LoRA layers with a hand-written backward: nothing is saved or computed for frozen weights. Same numbers as PEFT's."""

from __future__ import annotations

import functools
from typing import Any


def fuse(network: Any) -> int:
    """Replace the forward of every plain LoRA linear layer of a PEFT model; how many there were.

    Left to PEFT: quantised bases, DoRA, dropout, and layers with several adapters.
    """
    import torch
    from peft.tuners.lora import Linear

    count = 0
    layers: list[Any] = [layer for layer in network.modules() if isinstance(layer, Linear)]
    for layer in layers:
        if type(layer.base_layer) is not torch.nn.Linear:
            continue
        names = list(layer.lora_A.keys())
        plain = len(names) == 1 and not getattr(layer, "lora_variant", {}).get(names[0])
        if plain and isinstance(layer.lora_dropout[names[0]], torch.nn.Identity):
            layer.forward = functools.partial(_forward, layer, names[0], layer.forward)
            count += 1
    return count


def _forward(layer: Any, name: str, usual: Any, x: Any, *args: Any, **more: Any) -> Any:
    if layer.disable_adapters or layer.merged:
        return usual(x, *args, **more)
    base = layer.base_layer
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    return _function().apply(x, (base.weight, base.bias), down, up, layer.scaling[name])


@functools.cache
def _function() -> Any:
    """y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ with W and b frozen."""
    import torch

    class LowRank(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, frozen: Any, *adapter: Any) -> Any:
            (weight, bias), (down, up, scale) = frozen, adapter
            rows = x.reshape(-1, x.shape[-1])
            a, b = down.to(x.dtype), up.to(x.dtype)
            inner = rows @ a.t()
            y = torch.nn.functional.linear(rows, weight, bias)
            y.addmm_(inner, b.t(), alpha=scale)
            ctx.save_for_backward(rows, inner, weight, a, b)
            ctx.scale, ctx.shape, ctx.kinds = scale, x.shape, (down.dtype, up.dtype)
            return y.view(*x.shape[:-1], -1)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            rows, inner, weight, a, b = ctx.saved_tensors
            dy = gradient.reshape(-1, gradient.shape[-1])
            back = (dy @ b).mul_(ctx.scale)
            down, up = back.t() @ rows, (dy.t() @ inner).mul_(ctx.scale)
            dx = None
            if ctx.needs_input_grad[0]:
                dx = (dy @ weight).addmm_(back, a).view(ctx.shape)
            return dx, None, down.to(ctx.kinds[0]), up.to(ctx.kinds[1]), None

    return LowRank
