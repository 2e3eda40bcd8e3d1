"""Attacks as tables: each a bundle or a root with one thing wrong, and the code that refuses it."""
