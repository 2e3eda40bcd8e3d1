"""Entries in formats that other tools read."""
