"""Formats of signatures beside the Sigstore bundle."""
