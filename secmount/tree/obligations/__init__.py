"""What the decision asks of a tree: of its finished paths and files, and of contents that are denied by name."""
