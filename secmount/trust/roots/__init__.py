"""Trust roots: reading `trusted_root.json`, the one that ships with sigstore, and those that `trust update` kept."""
