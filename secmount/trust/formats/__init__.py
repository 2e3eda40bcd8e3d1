"""Signature formats: parsers only, each into a `Claim`."""
