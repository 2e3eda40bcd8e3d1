"""Judging claims: whose signature is it, does it hold, when was it made, and does it mean what it must."""
