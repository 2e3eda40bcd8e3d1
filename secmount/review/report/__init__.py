"""One HTML page over a period of the log."""
