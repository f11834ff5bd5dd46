"""From a snapshot and a model to a run folder."""
