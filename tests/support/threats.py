"""The tables of docs/threat-model.md: the attacks that are tried, what others were attacked by, what mutation left.

python -m tests.support.threats       writes the tables into the page
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.soak import mutants
from tests.unit.policy.attacks import ROWS as DECISIONS
from tests.unit.trust.attacks.formats import ROWS as FORMATS
from tests.unit.trust.attacks.rows import ROWS as CHECKS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/threat-model.md"
SHAPES = "tests/unit/trust/formats/test_attacks.py"
TRUST, POLICY = "tests/unit/trust/test_attacks_keyless.py", "tests/unit/policy/attacks/test_attacks.py"
HTTP, ORIGIN = "tests/unit/registry/http", "tests/unit/cli/test_origin.py"
TREE, LIES = "tests/unit/tree/test_hostile.py", f"{HTTP}/test_lies.py::test_a_lie_ends_as_documented"


@dataclass(frozen=True, slots=True)
class Advisory:
    """One or several advisories of one lesson; `test` is FILE::NAME, or FILE::NAME[ROW] of an attack table."""

    names: str
    of: str
    lesson: str
    test: str


def attack(file: str, row: str) -> str:
    """Name a row of an attack table."""
    return f"{file}[{row}]"


ADVISORIES = (
    Advisory(
        "CVE-2022-23649, GHSA-ccxc-vr6p-4858",
        "cosign",
        "a log entry must be of this very signature",
        attack(TRUST, "entry-of-another"),
    ),
    Advisory(
        "CVE-2022-35929, CVE-2022-35930, GHSA-vjxv-45g9-9296, GHSA-739f-hw6h-7wq8",
        "cosign, policy-controller",
        "the signed predicate type decides",
        attack(POLICY, "another-type"),
    ),
    Advisory(
        "CVE-2022-36056, GHSA-8gw7-4j42-w388",
        "cosign",
        "the log's body is compared on every path",
        attack(TRUST, "entry-digest"),
    ),
    Advisory(
        "CVE-2023-46737, GHSA-vfp6-jrw2-99g9",
        "cosign",
        "endless attestations are cut off",
        "tests/unit/trust/test_gather.py::test_more_signatures_than_are_examined",
    ),
    Advisory(
        "CVE-2024-29902, CVE-2024-29903, GHSA-88jx-383q-w4qc, GHSA-95pr-fxf5-86gv",
        "cosign",
        "sizes and counts are bounded before anything is allocated",
        "tests/unit/trust/test_gather.py::test_sizes_are_compared_before_anything_is_asked_for",
    ),
    Advisory(
        "CVE-2026-22703, GHSA-whqx-f9j3-ch6m",
        "cosign",
        "no early way past the log's body",
        attack(TRUST, "entry-v2-digest"),
    ),
    Advisory(
        "CVE-2026-24122, GHSA-wfqv-66vq-46rm",
        "cosign",
        "the whole chain must hold at the signing time",
        attack(TRUST, "issuer-expired"),
    ),
    Advisory(
        "CVE-2026-39395, GHSA-w6c6-c85g-mmv6",
        "cosign",
        "what cannot be parsed is denied",
        attack(TRUST, "payload-malformed"),
    ),
    Advisory(
        "GHSA-cq38-jh5f-37mq, CVE-2024-45395",
        "sigstore-go",
        "log entries, stamps and subjects are bounded",
        "tests/unit/trust/test_formats.py::test_more_certificates_or_hashes_than_are_read",
    ),
    Advisory("GHSA-9vcr-p3rj-q5q6", "sigstore-go", "thresholds count principals", attack(POLICY, "one-key-twice")),
    Advisory(
        "GHSA-wqqc-jjcq-vfxm",
        "sigstore-go",
        "a key's window needs a trusted time",
        attack(POLICY, "window-without-time"),
    ),
    Advisory(
        "CVE-2026-39984, GHSA-xm5m-wgh2-rrg3",
        "timestamp-authority",
        "the certificate that signed is the one checked",
        attack(TRUST, "stamp-namesake"),
    ),
    Advisory("CVE-2025-52556", "rfc3161-client", "the stamp is bound to its chain", attack(TRUST, "stamp-impostor")),
    Advisory("CVE-2023-47122", "gitsign", "log keys come from the trust root only", attack(TRUST, "log-unknown")),
    Advisory("CVE-2024-51746", "gitsign", "the right entry, not the first", attack(TRUST, "entry-of-another")),
    Advisory(
        "GHSA-hhfg-fwrw-87w7",
        "sigstore-python",
        "times from authenticated sources only",
        attack(TRUST, "time-unpromised"),
    ),
    Advisory(
        "CVE-2023-33957, CVE-2023-33958",
        "notation",
        "attempts are bounded",
        "tests/unit/trust/test_gather.py::test_more_referrers_than_are_read",
    ),
    Advisory(
        "CVE-2023-33959, GHSA-xhg5-42rf-296r",
        "notation",
        "every manifest is hashed, by tag and of signatures, too",
        LIES,
    ),
    Advisory("CVE-2024-23332", "notation", "going back is noticed", attack(POLICY, "rollback-of-a-tag")),
    Advisory(
        "CVE-2024-56138, GHSA-45v3-38pc-874v",
        "notation",
        "what is said of revocation must be said",
        attack(POLICY, "silence-on-revocation"),
    ),
    Advisory(
        "CVE-2023-25656",
        "notation",
        "distinguished names are read by cryptography, and each wanted attribute must stand exactly once",
        attack(POLICY, "attribute-twice"),
    ),
    Advisory(
        "CVE-2022-47633",
        "kyverno",
        "a tag is resolved once",
        f"{ORIGIN}::test_a_tag_that_moves_between_two_questions_is_asked_once",
    ),
    Advisory("CVE-2023-47630", "kyverno", "digests are computed, never taken from a header", LIES),
    Advisory(
        "CVE-2025-29778, GHSA-46mp-8w32-6g94",
        "kyverno",
        "an unknown or unused policy key is an error",
        attack(POLICY, "misspelt-restriction"),
    ),
    Advisory(
        "CVE-2025-27403",
        "ratify",
        "credentials go to their host only",
        f"{HTTP}/test_credentials.py::test_a_redirect_to_another_host_carries_no_credentials",
    ),
    Advisory(
        "CVE-2021-41190, GHSA-qq97-vm5h-rrhg, GHSA-5j5w-g665-5m35",
        "distribution, containerd",
        "a document is one thing, and what it was announced as",
        "tests/unit/oci/test_manifest.py::test_ambiguous",
    ),
    Advisory(
        "CVE-2024-3727, GHSA-6wvf-f2vw-3425",
        "containers/image",
        "digests are parsed strictly",
        "tests/unit/oci/test_digest.py::test_malformed",
    ),
    Advisory(
        "CVE-2020-13846",
        "sylabs sif",
        "all or nothing: what the policy did not approve is not mounted",
        "tests/unit/cli/test_way.py::test_a_signed_artifact_is_copied_without_what_the_policy_withholds",
    ),
    Advisory(
        "CVE-2022-39237",
        "sylabs sif",
        "sha256 and sha512, nothing weaker",
        "tests/unit/oci/test_digest.py::test_malformed",
    ),
    Advisory(
        "CVE-2026-50163, GHSA-8xwf-rjm4-xvhv, CVE-2026-85731, GHSA-fxhp-mv3v-67qp, GHSA-m37j-52j7-pjw7",
        "oras-go",
        "nothing is unpacked to a disk; links resolve in the tree",
        f"{TREE}::test_hostile_archive",
    ),
    Advisory(
        "GHSA-vh4v-2xq2-g5cg, CVE-2026-50151, GHSA-jxpm-75mh-9fp7",
        "oras-go",
        "no credentials across redirects, nor to an upload's Location",
        "tests/unit/publish/push/test_guards.py::test_an_upload_is_led_elsewhere",
    ),
    Advisory(
        "CVE-2026-48978, GHSA-28r5-37g7-p6mp, GHSA-xf85-363p-868w",
        "oras-go",
        "a bearer realm is judged before it is asked",
        f"{HTTP}/test_credentials.py::test_a_token_server_inside_a_cloud_gets_nothing",
    ),
    Advisory(
        "GHSA-f36w-mj3v-6jqv",
        "oras-go",
        "a descriptor's size is bounded before it is believed",
        f"{HTTP}/test_source.py::test_nothing_over_a_limit_is_asked_for",
    ),
    Advisory(
        "oras-py #247",
        "oras-py",
        "what it gives is hashed by us, and what checks nothing is closed",
        "tests/unit/publish/push/test_guards.py::test_what_checks_nothing_is_refused",
    ),
    Advisory(
        "CVE-2007-4559, CVE-2024-12718, CVE-2025-4138, CVE-2025-4330, CVE-2025-4435, CVE-2025-4517",
        "Python's tarfile",
        "a tar reader that writes nothing",
        f"{TREE}::test_hostile_archive",
    ),
)


def attacks() -> Iterator[tuple[str, str, str, str]]:
    """Give (id, attack, code, file of the test)."""
    for row in CHECKS:
        yield row.id, row.attack, row.code, TRUST
    for one in FORMATS:
        yield one.id, one.attack, one.code, SHAPES
    for name, text, code in DECISIONS:
        yield name, text, code, POLICY


def tables() -> dict[str, str]:
    """Write the tables."""
    rows = [f"| {text} | {code} | `{name}` |" for name, text, code, _ in attacks()]
    head = ["| attack | refused with | row |", "|---|---|---|"]
    others = [f"| {one.names} | {one.of} | {one.lesson} | `{one.test}` |" for one in ADVISORIES]
    other_head = ["| advisory | of | lesson | test |", "|---|---|---|---|"]
    reasons = Counter(mutants.explained().values())
    left = [f"| {why} | {count} |" for why, count in sorted(reasons.items())]
    return {
        "attacks": "\n".join([*head, *rows]),
        "advisories": "\n".join([*other_head, *others]),
        "mutants": "\n".join(["| why a change may live | changes |", "|---|---|", *left]),
    }


def written(page: str) -> str:
    """Put the tables into `page`, between its markers."""
    for name, table in tables().items():
        start, end = f"<!-- table: {name} -->\n", "\n<!-- end -->"
        head, found, rest = page.partition(start)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{PAGE} has no place for {name}")
        page = head + start + table + end + tail
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
    sys.stdout.write(f"{len(list(attacks()))} attacks, {len(ADVISORIES)} lessons\n")
