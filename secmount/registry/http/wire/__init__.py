"""The wire under the registry protocol: URLs, addresses, TLS, proxies, sockets, exchanges and what fails there."""
