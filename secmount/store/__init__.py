"""The verified store: content by digest, state beside it."""
