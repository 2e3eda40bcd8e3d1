"""Which releases of the libraries judge: what one of them accepted, a mended one may not.

Their top packages hold no more than that and are read in no time.
"""

from __future__ import annotations

import cryptography
import sigstore


def judging() -> tuple[str, ...]:
    """Give the versions of those that check signatures."""
    return cryptography.__version__, sigstore.__version__
