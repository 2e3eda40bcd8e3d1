"""Checks of a `Claim`: they verify and parse nothing."""
