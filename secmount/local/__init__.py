"""Local files that nobody else controls: ownership, atomic writes, locks."""
