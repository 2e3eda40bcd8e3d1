"""Sources of artifacts and what a reference resolves to."""
