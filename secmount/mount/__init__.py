"""From a tree to a mount."""
