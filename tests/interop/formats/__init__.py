"""Formats of signatures beside the bundle, made by the programs that the field makes them with."""
