"""TLS contexts: the system's authorities and those configured, never fewer checks than OpenSSL's defaults.

`ssl.create_default_context` honours SSL_CERT_FILE and SSL_CERT_DIR. A client certificate is a credential and is only
loaded for the registry itself; authorities are believed for what it redirects to, too, for that is checked by digest.
"""

from __future__ import annotations

import ssl

from secmount.errors import RegistryError
from secmount.registry.hosts.value import Access


def own_context(access: Access) -> ssl.SSLContext:
    """Make the context for the registry itself; raise `RegistryError` SM4134."""
    context = led_context(access)
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.client_certificate is not None:
        chain, key = access.client_certificate
        try:
            context.load_cert_chain(chain, key, password=_no_password)
        except (OSError, ValueError) as err:
            raise _unusable(key, err, "a PEM certificate and its key, not encrypted") from err
    return context


def led_context(access: Access) -> ssl.SSLContext:
    """Make the context for other hosts that the registry leads to; raise `RegistryError` SM4134."""
    context = ssl.create_default_context()
    for path in access.ca_files:
        try:
            context.load_verify_locations(cafile=path)
        except (OSError, ValueError) as err:
            raise _unusable(path, err, "PEM certificates") from err
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")  # OpenSSL would ask on the terminal


def _unusable(path: str, err: Exception, want: str) -> RegistryError:
    reason = err.reason if isinstance(err, ssl.SSLError) else getattr(err, "strerror", None)
    return RegistryError("SM4134", subject=path, got=str(reason or err), want=want)
