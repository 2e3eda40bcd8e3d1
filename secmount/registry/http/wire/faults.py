"""What went wrong on the wire, as errors: causes told apart, nothing secret in them.

urllib3 wraps what the system and OpenSSL say, in layers; the innermost decides. Certificates: OpenSSL's verify codes
(openssl/x509_vfy.h). Error bodies: distribution-spec v1.1, Error Codes; of them only the codes that it lists are
shown, for a body can repeat what was sent to it.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import urllib3.exceptions as wire

from secmount.errors import ContentError, RegistryError, SecmountError
from secmount.oci import exact

ERROR_LIMIT = 64 << 10  # bytes of an error's body that are looked at
FAULTS = (wire.HTTPError, OSError, ValueError)  # what urllib3 and http.client raise for whatever comes
TRANSIENT = frozenset({"SM4101", "SM4104", "SM4105"})  # worth another attempt
_BUSY = frozenset({429, 502, 503, 504})
_DATES = {9: "not valid yet", 10: "expired"}
_NAMES = {62: "for another name", 64: "for another address"}
_UNKNOWN = frozenset({2, 18, 19, 20, 21})  # no issuer, or a root of its own: openssl-verification-options(1)
_KNOWN = frozenset(
    {
        *("BLOB_UNKNOWN", "DENIED", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_UNKNOWN"),
        *("NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "TOOMANYREQUESTS", "UNAUTHORIZED", "UNKNOWN", "UNSUPPORTED"),
    }
)


def failure(err: Exception, *, subject: str) -> RegistryError:
    """Give what urllib3 raised its code: SM4100–SM4102, SM4130–SM4133, SM4135, SM4137, SM4141."""
    chain = tuple(_chain(err))
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return _certificate(one, subject)
    if any(isinstance(one, wire.ProxyError) or "Tunnel connection failed" in str(one) for one in chain):
        return RegistryError("SM4141", subject=subject, got=_reason(chain[-1]))
    for one in chain:
        if isinstance(one, ssl.SSLError) and not isinstance(one, ssl.SSLEOFError):
            return _handshake(one, subject)
    if any(isinstance(one, wire.NewConnectionError) for one in chain):  # a NameResolutionError, too
        return RegistryError("SM4100", subject=subject, got=_reason(chain[-1]))
    if any(isinstance(one, (wire.TimeoutError, TimeoutError)) for one in chain):
        return RegistryError("SM4102", subject=subject)
    return RegistryError("SM4101", subject=subject, got=_reason(chain[-1]))


class BusyError(RegistryError):
    """A server that cannot answer now; `after` is its Retry-After."""

    after: str | None = None


def status(number: int, raw: bytes, *, subject: str, after: str | None = None) -> RegistryError:
    """Give an answer nobody asked for its code: SM4104, SM4105 (both `BusyError`) or SM4106."""
    shown = " ".join([str(number), *_codes(raw)])
    if number not in _BUSY:
        return RegistryError("SM4106", subject=subject, got=shown)
    error = BusyError("SM4105" if number == 429 else "SM4104", subject=subject, got=shown)
    error.after = after
    return error


def delay_ms(after: str, *, now_ms: int) -> int:
    """Read Retry-After, seconds or a date (RFC 9110 section 10.2.3); what is neither asks for nothing."""
    if after.isascii() and after.isdigit():
        return int(after[:9]) * 1000
    try:
        moment = parsedate_to_datetime(after)
    except (TypeError, ValueError, OverflowError):
        return 0
    return max(0, int(moment.timestamp() * 1000) - now_ms)


def refusal(number: int, raw: bytes, *, subject: str, known: bool) -> RegistryError:
    """Say how credentials failed: SM4110 (none known), SM4111 (these are not right) or SM4112 (not permitted)."""
    shown = " ".join([str(number), *_codes(raw)])
    if number == 401:
        return RegistryError("SM4111" if known else "SM4110", subject=subject, got=shown)
    return RegistryError("SM4112", subject=subject, got=shown)


def _chain(err: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    todo: list[BaseException] = [err]
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [one.__cause__, one.__context__, *one.args]
        todo += [part for part in inner if isinstance(part, BaseException)]


def _certificate(err: ssl.SSLCertVerificationError, subject: str) -> RegistryError:
    number, said = err.verify_code, err.verify_message
    if number in _DATES:
        return RegistryError("SM4131", subject=subject, got=f"a certificate that is {_DATES[number]}")
    if number in _NAMES or "match" in said:
        return RegistryError("SM4132", subject=subject, got=f"a certificate {_NAMES.get(number, _NAMES[62])}")
    return RegistryError("SM4130" if number in _UNKNOWN else "SM4137", subject=subject, got=said)


def _handshake(err: ssl.SSLError, subject: str) -> RegistryError:
    reason = _spelled(err)
    if "certificate" in reason and "alert" in reason:
        return RegistryError("SM4135", subject=subject, got=reason)
    return RegistryError("SM4133", subject=subject, got=reason)


def _spelled(err: ssl.SSLError) -> str:
    return (err.reason or type(err).__name__).replace("_", " ").lower()


def _reason(err: BaseException) -> str:
    """Name the system's reason; what stands in urllib3's own texts has URLs in it."""
    if isinstance(err, ssl.SSLError):
        return _spelled(err)
    if isinstance(err, OSError) and err.strerror:
        return err.strerror
    if "Tunnel connection failed" in str(err):
        return " ".join(str(err).split()[:4])
    return type(err).__name__


def _codes(raw: bytes) -> list[str]:
    try:
        value = exact.read(raw, limit=ERROR_LIMIT, subject="error")
    except ContentError:
        return []
    rows = value.get("errors") if isinstance(value, dict) else None
    codes = [row.get("code") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return sorted({code for code in codes if isinstance(code, str) and code in _KNOWN})[:4]


def is_transient(err: SecmountError) -> bool:
    """Say whether the same request may well succeed a little later."""
    return err.code in TRANSIENT
