"""Facts out of text: the records, the schema, and what extracts."""
