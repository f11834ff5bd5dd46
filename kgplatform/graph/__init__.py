"""Rows of the store become tensors here, and nowhere else."""
