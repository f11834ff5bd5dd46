"""Adagrad and Adam that touch only the rows that a step has gradients of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

EPSILON = 1e-10
"""Keeps Adagrad's first division finite."""


class _RowOptimizer(torch.optim.Optimizer, ABC):
    """Steps through parameters; a sparse gradient [N, d] is one of the rows that it holds."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step down the gradients of all parameters that have one."""
        assert closure is None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if parameter.grad.is_sparse:
                    rows, grad = parameter.grad._indices()[0], parameter.grad._values()
                    self.update(parameter, grad, group, rows)
                else:
                    self.update(parameter, parameter.grad, group, None)

    @abstractmethod
    def update(
        self, parameter: Tensor, grad: Tensor, group: dict[str, Any], rows: Tensor | None
    ) -> None:
        """Change a parameter, or some distinct ``rows`` of it, by its gradient."""


class RowAdagrad(_RowOptimizer):
    """θ ← θ - η g / (√Σ g² + ε), "Adaptive Subgradient Methods" (Duchi et al. 2011).

    A row without a gradient has a gradient of zero, which changes neither it nor its sum: rows
    give the same as the whole table would.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    def update(
        self, parameter: Tensor, grad: Tensor, group: dict[str, Any], rows: Tensor | None
    ) -> None:
        """See the class."""
        state = self.state[parameter]
        if not state:
            state["sum"] = torch.zeros_like(parameter)
        total = state["sum"]
        if rows is None:
            total.addcmul_(grad, grad)
            parameter.addcdiv_(grad, total.sqrt().add_(EPSILON), value=-group["lr"])
            return
        touched = total.index_select(0, rows).addcmul_(grad, grad)
        total.index_copy_(0, rows, touched)
        change = grad.div(touched.sqrt_().add_(EPSILON))
        parameter.index_add_(0, rows, change, alpha=-group["lr"])


class RowAdam(_RowOptimizer):
    """θ ← θ - η m̂ / (√v̂ + ε), "Adam" (Kingma and Ba 2015), lazy where gradients are sparse.

    A row that has no gradient keeps its moments instead of letting them decay, as
    ``torch.optim.SparseAdam`` does.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(parameters, {"lr": lr, "betas": (0.9, 0.999), "eps": 1e-8})

    def update(
        self, parameter: Tensor, grad: Tensor, group: dict[str, Any], rows: Tensor | None
    ) -> None:
        """See the class."""
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())
            state["mean"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        beta1, beta2 = group["betas"]
        state["step"] += 1
        step = float(state["step"])
        mean, square = state["mean"], state["square"]
        if rows is not None:
            mean, square = mean.index_select(0, rows), square.index_select(0, rows)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        scale = square.sqrt().div_((1 - beta2**step) ** 0.5).add_(group["eps"])
        rate = -group["lr"] / (1 - beta1**step)
        if rows is None:
            parameter.addcdiv_(mean, scale, value=rate)
            return
        state["mean"].index_copy_(0, rows, mean)
        state["square"].index_copy_(0, rows, square)
        parameter.index_add_(0, rows, mean.div(scale), alpha=rate)


OPTIMIZERS: dict[str, Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]] = {
    "adagrad": RowAdagrad,
    "adam": RowAdam,
}
