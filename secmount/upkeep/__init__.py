"""Keeping store and mounts sound."""
