"""From facts that a text states to facts of the graph: resolution, judgement, review."""
