"""The only door to oras-py: writing to a registry, every hole of the library closed (docs/adr/0013)."""
