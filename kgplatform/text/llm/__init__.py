"""Language models that answer in JSON: endpoints, files, what they cost, and their answers kept."""
