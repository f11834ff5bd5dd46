"""Text and graph trained together: fusion, classification, question answering, links by text."""
