"""From signature material to authenticated facts."""
