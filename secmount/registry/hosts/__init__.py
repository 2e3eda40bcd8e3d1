"""How a host is reached: registries.conf, certs.d, aliases."""
