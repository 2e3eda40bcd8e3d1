"""Makes the completion scripts that are shipped from the commands: `python -m tests.support.completions`."""
