"""What users came for: search, questions, recommendation, text, each with its reasons."""
