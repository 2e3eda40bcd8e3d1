"""The `[deny]` and `[[rules]]` tables of policy.toml as values. Design 3.3.

Every key is enforced or refused: one that is unknown, or known and not enforced by this version, is an error, and so
is a combination whose meaning would have to be guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Literal, cast

from secmount.errors import InputError
from secmount.oci.digest import Digest
from secmount.oci.reference import registry_name
from secmount.policy import attestations, glob
from secmount.policy.glob import Pattern
from secmount.policy.rules import Bind, Deny, Group, Match, Rule, match
from secmount.policy.toml import Table, kind, strings
from secmount.trust.signer import KeylessSigner, Signer

RULES_LIMIT = 1_000
PATTERNS_LIMIT = 1_000  # patterns of one key; each is matched against every file
IDENTITIES_LIMIT = 48  # patterns for identities of one decision; with those of six other keys fewer than 100 regexes
SIGNED_ONLY = (
    "bind",
    "max-age",
    "no-rollback",
    "signatures-from",
    "model-signing-partial",
)  # keys that judge signatures, and so mean nothing where none are asked for


def read_deny(table: Table | None) -> Deny:
    """Read the floors."""
    if table is None:
        return Deny()
    deny = Deny(
        digests=_digests(table),
        media_types=_patterns(table, "media-types", glob.denied_media_type) or (),
        paths=_patterns(table, "paths", glob.path) or (),
    )
    table.finish()
    return deny


def read_rules(tables: tuple[Table, ...], signers: Collection[str]) -> tuple[Rule, ...]:
    """Read every rule; `signers` are the names that may be asked for."""
    if len(tables) > RULES_LIMIT:
        tables[RULES_LIMIT].fault("SM1203", got=f"{len(tables)} rules", want=f"at most {RULES_LIMIT}")
        return ()
    rules: list[Rule] = []
    for table in tables:
        rule = _rule(table, signers)
        if rule is None:
            continue
        for other in rules:
            if other.match.text == rule.match.text:
                table.fault(
                    "SM1208", "match", got=f"{rule.match.text!r}, as in line {other.line}", want="one rule a match"
                )
            elif other.name == rule.name:
                table.fault("SM1208", "name", got=f"{rule.name!r}, as in line {other.line}", want="one rule a name")
        rules.append(rule)
    return tuple(rules)


def check_identities(top: Table, rules: tuple[Rule, ...], signers: Mapping[str, Signer]) -> None:
    """Note the rules for which more identity patterns could be needed than one decision may have regexes."""
    keyless = {name: one for name, one in signers.items() if isinstance(one, KeylessSigner)}
    revoked = {one.identity.text for one in keyless.values() if one.revoked or one.revoked_since is not None}
    for at, rule in enumerate(rules):
        named = {*rule.signers, *(name for wanted in rule.attestations for name in wanted.signers)}
        count = len(revoked | {keyless[name].identity.text for name in named & keyless.keys()})
        if count > IDENTITIES_LIMIT:
            got = f"{count} identities, revoked ones of any rule among them"
            top.fault("SM1203", "rules", at, "signers", got=got, want=f"at most {IDENTITIES_LIMIT}")


def _rule(table: Table, signers: Collection[str]) -> Rule | None:
    name, found = table.text("name"), _match(table)
    unsigned = bool(table.flag("unsigned"))
    require = _require(table, signers, unsigned=unsigned)
    rule = None if found is None else Rule(
        name=name or found.text,
        line=table.line() or 0,
        match=found,
        require=require,
        unsigned=unsigned,
        artifact_types=_patterns(table, "artifact-types", glob.media_type),
        media_types=_patterns(table, "media-types", glob.media_type),
        exclude=_patterns(table, "exclude", glob.path) or (),
        annotations=_annotations(table),
        max_size=table.size("max-size"),
        max_unpacked_size=table.size("max-unpacked-size"),
        max_age=table.duration("max-age"),
        bind=cast("Bind", table.choice("bind", ("repository", "named", "any")) or "named"),
        namespaces=_patterns(table, "namespaces", glob.plain),
        symlinks=cast("Literal['inside', 'any']", table.choice("symlinks", ("inside", "any")) or "inside"),
        exec=bool(table.flag("exec")),
        attestations=attestations.read(table.tables("attestations"), signers),
        no_rollback=cast("Literal['tag', 'repository'] | None", table.choice("no-rollback", ("tag", "repository"))),
        signatures_from=_elsewhere(table, found),
        model_signing_partial=_partial(table),
    )  # fmt: skip
    if rule is not None:
        table.finish()
    return rule


def _elsewhere(table: Table, found: Match) -> str | None:
    """Read the repository that signatures are kept in, in its normal form; a layout has none but its own."""
    text = table.text("signatures-from")
    if text is None:
        return None
    if found.layout:
        table.fault("SM1205", "signatures-from", got="signatures-from for a layout", want="it goes with registry names")
        return None
    try:
        normal = registry_name(text)
    except InputError as err:
        table.fault("SM1203", "signatures-from", got=repr(text), want=err.want or "a full name without tag or digest")
        return None
    if normal != text:
        table.fault("SM1203", "signatures-from", got=repr(text), want=f"the normal form: {normal}")
    return normal


def _partial(table: Table) -> bool:
    partial = bool(table.flag("model-signing-partial"))
    if partial and not table.has("exclude"):
        want = "exclude: without it nothing is left out"
        table.fault("SM1205", "model-signing-partial", got="model-signing-partial without exclude", want=want)
    return partial


def _match(table: Table) -> Match | None:
    text = table.text("match")
    if text is None:
        if not table.has("match"):
            table.fault("SM1205", got="a rule without match", want='match = "HOST/PATH/**"')
        return None
    try:
        return match(text)
    except ValueError as err:
        table.fault("SM1206", "match", got=repr(text), want=err)
        return None


def _require(table: Table, signers: Collection[str], *, unsigned: bool) -> tuple[Group, ...]:
    """Read who must sign, in either spelling."""
    listed, threshold, tables = table.texts("signers"), table.whole("threshold", least=1), table.tables("require")
    asked = [key for key in ("signers", "require", "unsigned") if table.has(key)]
    if len(asked) != 1 or (asked == ["unsigned"] and not unsigned):
        got = " and ".join(asked) or "none of them"
        table.fault("SM1205", *asked[-1:], got=got, want="one of signers, require and unsigned = true")
        return ()
    for key in ("threshold",) * (asked != ["signers"]) + SIGNED_ONLY * unsigned:
        if table.has(key):
            table.fault("SM1205", key, got=f"{key} beside {asked[0]}", want="it goes with signers")
    if asked == ["signers"]:
        groups = [(table, listed, threshold)]
    else:
        groups = [(row, row.texts("signers"), row.whole("threshold", least=1)) for row in tables]
        if table.values.get("require") == []:
            table.fault("SM1203", "require", got="an empty list", want="a list of { signers = […], threshold = … }")
    return _groups(groups, signers)


def _groups(rows: list[tuple[Table, tuple[str, ...] | None, int | None]], known: Collection[str]) -> tuple[Group, ...]:
    groups: list[Group] = []
    seen: set[str] = set()
    for table, signers, threshold in rows:
        if "signers" not in table.values:
            table.fault("SM1205", got="no signers", want="signers = […]")
        if len(table.path) > 2:  # a row of require, whose table has no other keys
            table.finish()
        for name in signers or ():
            if name not in known:
                table.fault(
                    "SM1207", "signers", got=repr(name), want=", ".join(sorted(known)) or "a [signers.NAME] table"
                )
            elif name in seen:
                want = "each signer in one group: a principal counts once, whatever the order"
                table.fault("SM1205", "signers", got=f"{name!r} in two groups", want=want)
            seen.add(name)
        if signers and threshold is not None and threshold > len(signers):
            table.fault(
                "SM1205", "threshold", got=f"{threshold} of {len(signers)} signers", want=f"at most {len(signers)}"
            )
        groups.append(Group(signers or (), threshold or 1))
    return tuple(groups)


def _annotations(table: Table) -> Mapping[str, tuple[str, ...]]:
    inner = table.table("annotations")
    if inner is None:
        return {}
    if not inner.values:
        inner.fault("SM1203", got="an empty table", want='{ "KEY" = ["VALUE", …] }')
    wanted: dict[str, tuple[str, ...]] = {}
    for key, value in inner.values.items():
        if not isinstance(value, list):
            inner.fault("SM1203", key, got=kind(value), want="a list of strings")
        else:
            wanted[key] = strings(inner, value, key) or ()
    return MappingProxyType(wanted)


def _patterns(table: Table, key: str, read: Callable[[str], Pattern]) -> tuple[Pattern, ...] | None:
    texts = table.texts(key)
    if texts is None:
        return None
    if len(texts) > PATTERNS_LIMIT:
        table.fault("SM1203", key, got=f"{len(texts)} patterns", want=f"at most {PATTERNS_LIMIT}")
        return ()
    patterns: list[Pattern] = []
    for text in texts:
        try:
            patterns.append(read(text))
        except ValueError as err:
            table.fault("SM1206", key, got=repr(text), want=err)
    if len(glob.alternatives(patterns)) > glob.REGEXES_LIMIT:
        table.fault("SM1203", key, got=f"{len(texts)} long patterns", want="fewer, or shorter ones")
    return tuple(patterns)


def _digests(table: Table) -> tuple[Digest, ...]:
    digests: list[Digest] = []
    for text in table.texts("digests") or ():
        try:
            digests.append(Digest.parse(text))
        except InputError as err:
            table.fault("SM1203", "digests", got=repr(text), want=err.want)
    return tuple(digests)
