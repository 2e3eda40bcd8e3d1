"""Mount signed OCI artifacts read-only, and only if the policy approves."""

__version__ = "0.1.0"
