"""The processes of one training, as ``torchrun`` starts them, and what they tell each other.

Every process opens the same snapshot, draws the same random numbers and so sees the same batches
and negatives; it scores its part of each batch, and the gradients are added up. The result is
that of one process, but for the order in which floats are added.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from kgplatform.errors import TrainingError

T = TypeVar("T")

TIMEOUT = timedelta(minutes=10)
"""How long a process waits for one that is silent; of one that dies it hears at once."""

START_AGAIN = "see what it said; then start all again with --resume RUN (kgp runs list)"

_LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun, or a cluster's own launcher, tells each process."""


@dataclass(frozen=True)
class Part:
    """The part of a batch that a process scores.

    Attributes:
        rows: Its place in the batch.
        batch: Rows of the whole batch, B.
        copies: How many processes score the same rows: 1, or all where a batch is too small.
    """

    rows: slice
    batch: int
    copies: int = 1

    @property
    def count(self) -> int:
        """How many rows it has, b."""
        return int(self.rows.stop - self.rows.start)

    @property
    def scored(self) -> int:
        """Rows that all processes score together: what a mean over the batch divides by."""
        return self.batch * self.copies


@dataclass(frozen=True)
class Group:
    """The processes of a training, as one of them sees them; by default it is alone.

    All of them must call the same methods in the same order.

    Attributes:
        rank: Which one this is, from 0.
        size: How many there are.
        local_rank: Which one this is on its machine: the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the one that prints and writes the run's folder."""
        return self.rank == 0

    def part(self, rows: int) -> Part:
        """This process's part of a batch.

        Of a batch that would leave one with fewer than two rows, which batch normalisation
        cannot do with, everyone scores all.
        """
        if rows < 2 * self.size:
            return Part(slice(0, rows), rows, self.size)
        first, end = (rows * rank // self.size for rank in (self.rank, self.rank + 1))
        return Part(slice(first, end), rows)

    def device(self, name: str) -> str:
        """The device that the setting ``device`` means for this process.

        Raises:
            TrainingError: It is one that all processes would have to share.
        """
        if self.size > 1 and name not in ("auto", "cuda", "cpu"):
            raise TrainingError(
                f"{self.size} processes cannot all train on device {name}",
                hint="leave the setting device at auto, or give cpu",
            )
        if self.size > 1 and name in ("auto", "cuda") and torch.cuda.is_available():
            return f"cuda:{self.local_rank}"
        return name

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            with heard():
                dist.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes; sparse ones have the same rows in each."""
        if self.size == 1:
            return
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        values = [grad._values() if grad.is_sparse else grad for grad in grads]
        with heard():
            under_way = [dist.all_reduce(value, async_op=True) for value in values]
            for work in under_way:
                work.wait()

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Set tensors of floats to their mean over all processes."""
        for tensor in tensors:
            if self.size > 1 and tensor.is_floating_point():
                self.sum(tensor).div_(self.size)

    def joined(self, values: Tensor, part: Part, device: torch.device) -> Tensor:
        """Values of all rows [B], on the CPU, from those of each process's part."""
        if self.size == 1:
            return values
        whole = torch.zeros(part.batch, dtype=values.dtype, device=device)
        whole[part.rows] = values.to(device)
        return self.sum(whole).div_(part.copies).cpu()

    def told(self, value: T) -> T:
        """What the first process says, whatever the others would."""
        if self.size == 1:
            return value
        box = [value]
        with heard():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def require_same(self, what: str, value: object) -> None:
        """Make sure that all processes have the same value.

        Raises:
            TrainingError: They do not; in all of them.
        """
        if self.size == 1:
            return
        values: list[object] = [None] * self.size
        with heard():
            dist.all_gather_object(values, value)
        other = next((rank for rank in range(self.size) if values[rank] != values[0]), None)
        if other is not None:
            raise TrainingError(
                f"process {other} of {self.size} has {what} other than process 0",
                hint="start all with the same command, the same files and the same versions",
            )


ALONE = Group()


def was_launched() -> bool:
    """Whether a launcher such as torchrun started more than this process."""
    return all(name in os.environ for name in _LAUNCHED) and os.environ["WORLD_SIZE"] != "1"


@contextlib.contextmanager
def launched_group() -> Iterator[Group]:
    """The processes that a launcher such as torchrun started beside this one; else ``ALONE``.

    They speak gloo of tensors on the CPU and nccl of those on CUDA.

    Raises:
        TrainingError: They do not find each other.
    """
    if not was_launched():
        yield ALONE
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    backend = "gloo"
    if torch.cuda.is_available() and local_rank < torch.cuda.device_count():
        torch.cuda.set_device(local_rank)
        backend = "cpu:gloo,cuda:nccl"
    with heard():
        dist.init_process_group(backend, timeout=TIMEOUT)
    # A handler runs between two lines of Python, which one that waits for a GPU does not reach.
    with _told_to_end() if backend == "gloo" else contextlib.nullcontext():
        yield Group(dist.get_rank(), dist.get_world_size(), local_rank)
    # Not after an error: to take leave of a process that is gone may take forever.
    dist.destroy_process_group()


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """Say why when the launcher ends this process, as it does where another one has died."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TrainingError(
            "another process of this training is gone, and the launcher ends this one",
            hint=START_AGAIN,
        )

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def heard() -> Iterator[None]:
    """Say of a collective that fails what it means.

    Raises:
        TrainingError: Another process is gone or silent.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        # gloo and nccl have types of error for some of this only. Of what they say, the first
        # sentence, without the place in their source.
        detail = re.sub(r"^\[\S+:\d+\] ", "", " ".join(str(error).split())).split(". ")[0]
        raise TrainingError(
            f"another process of this training is gone or does not answer ({detail})",
            hint=START_AGAIN,
        ) from error
