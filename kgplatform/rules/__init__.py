"""Horn rules: mined from a graph, applied to it, combined with a model's scores."""
