"""config.toml to a frozen value."""
