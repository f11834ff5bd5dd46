"""Text before it meets a graph: sentences and chunks."""
