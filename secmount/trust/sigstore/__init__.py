"""The only door to sigstore-python and tuf: a second opinion on keyless bundles, and the update of trust roots."""
