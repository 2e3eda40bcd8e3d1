"""Untrusted archives: a bounded stream, walked."""
