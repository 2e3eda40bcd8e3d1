"""Keys of the user's work in the sight of the audit log: what one is about to sign is recorded before it signs."""

from __future__ import annotations

import os
from dataclasses import asdict

from secmount.app.assembly import audit_log, now_ms
from secmount.audit import events, record
from secmount.audit.statement import open_statement_key
from secmount.config.value import Config
from secmount.policy.input import Request
from secmount.publish import keys
from secmount.review.export.vsa import StatementSigner


def statement_key(config: Config, path: str | None) -> StatementSigner:
    """Open the private key at `path`, else the one under `state` that is made at first use."""
    if path is None:
        return open_statement_key(config.state, uid=os.geteuid())
    return keys.load_private(path, password=None)


def record_use(
    config: Config,
    request: Request,
    purpose: events.Purpose,
    *,
    principal: str,
    subject: str,
    reference: str | None,
    repository: str | None = None,
) -> tuple[str, ...]:
    """Record, durable before this returns, that the key `principal` signs `subject`; give what went wrong beside it.

    Raise `StorageError` SM71xx: then the key is not to be used.
    """
    with audit_log(config, os.geteuid()) as log:
        log.append(
            events.key_used(
                purpose,
                now_ms=now_ms(),
                request=record.request(**asdict(request)),
                principal=principal,
                subject=subject,
                reference=reference,
                repository=repository,
            )
        )
        return log.warnings
