"""Writing and checking policy folders."""
