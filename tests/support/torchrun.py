"""Trainings of two processes, started by torchrun as a user starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import psutil


def torchrun(*args: str, **environment: str) -> subprocess.Popen[str]:
    """Begin what torchrun is given, in two processes on the CPU."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node=2",
            *args,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
            **environment,
        },
    )


def children_of(pid: int) -> list[int]:
    """The processes of a training that torchrun has begun, by their ranks."""
    ranks = {}
    for child in psutil.Process(pid).children():
        # One that has just been forked is still a copy of its parent.
        with suppress(psutil.NoSuchProcess):
            rank = child.environ().get("RANK")
            if rank is not None and "kgplatform" in child.cmdline():
                ranks[int(rank)] = child.pid
    return [ranks[rank] for rank in sorted(ranks)]
