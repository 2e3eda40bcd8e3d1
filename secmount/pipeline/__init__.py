"""The one way from a reference to a mount, each step recorded."""
