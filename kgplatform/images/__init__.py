"""Vectors of images."""
