"""What users bring, as iterators of records."""
