"""Models that recommend: trained on what was liked, with the graph around it."""
