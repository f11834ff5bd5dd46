"""An agent that walks the graph to an answer: environment, policy, learning, search."""
