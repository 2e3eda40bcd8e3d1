"""Values of the OCI specifications, parsed once from exact bytes."""
