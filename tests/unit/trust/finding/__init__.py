"""Where evidence is found, and evidence that is remembered."""
