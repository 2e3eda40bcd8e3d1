"""Whom authenticated facts are credited to, in Python: a second opinion beside the decision program. Design 3.4."""
