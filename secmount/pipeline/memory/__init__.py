"""What earlier commands found out, and when it may be used again."""
