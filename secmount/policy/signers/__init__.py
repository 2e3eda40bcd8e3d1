"""The `[signers.NAME]` tables of policy.toml as values: managed keys, keyless identities, certificates."""
