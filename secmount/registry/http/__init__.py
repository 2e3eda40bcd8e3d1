"""A source over a registry: OCI distribution-spec v1.1, read only, through urllib3 alone."""
