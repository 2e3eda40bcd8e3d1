"""The decision program that ships with secmount: `policies/decision.rego`, compiled by OPA.

A wheel carries it beside this module, a checkout in `policies/`. Its digest is part of every policy's revision, and
names the compiled module that is kept.
"""

from __future__ import annotations

import hashlib
import os.path
from dataclasses import field

from secmount.errors import PolicyError
from secmount.value import dataclass

PROGRAM = "decision.wasm"
ENTRYPOINT = "secmount/decision"


@dataclass(frozen=True, slots=True)
class Program:
    """The WebAssembly of the decision program and its digest, `sha256:<hex>`."""

    wasm: bytes = field(repr=False)
    digest: str


def program() -> Program:
    """Read the shipped program; raise `PolicyError` SM3090 if the installation has none."""
    here = os.path.dirname(os.path.abspath(__file__))
    checkout = os.path.dirname(os.path.dirname(here))
    for path in (os.path.join(here, PROGRAM), os.path.join(checkout, "policies", PROGRAM)):
        try:
            with open(path, "rb") as file:
                wasm = file.read()
        except FileNotFoundError:
            continue
        except OSError as err:
            raise PolicyError("SM3090", subject=path, got=err.strerror or str(err), want="a readable program") from err
        return Program(wasm, f"sha256:{hashlib.sha256(wasm).hexdigest()}")
    raise PolicyError("SM3090", subject=PROGRAM, got="no such file in the installation", want="the shipped program")
