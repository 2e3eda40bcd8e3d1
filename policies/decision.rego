# The decision program that ships with secmount: secmount.input/v1 and a policy in, one decision out. A policy folder
# cannot replace or extend it.
#
# Written positively: an artifact is allowed when every id of `ids` is in `holds`, and an id gets there only by a body
# that is true. What cannot be evaluated (a field that is missing, a pattern that is malformed) is undefined, and so is
# not in `holds`: it has failed. Hence `x == false` where others write `not x`, and `is_number` before every comparison
# of times: in Rego null is less than every number. Membership is tested by sets, as `opa fmt` 1.22 takes the parentheses
# out of `(x in y) == false`, which then asks whether x is in `y == false`.
#
# No built-in function of the host is used, so that every engine computes the same: regular expressions are RE2, case is
# folded before the input is written, times are integers.
package secmount

import data.secmount.policy

# Every check, in the order in which a denial names them, with the code it is explained under.
codes := {
	"rule": "SM3002",
	"signatures": "SM3004",
	"signer-validity": "SM3011",
	"root-age": "SM3023",
	"bind": "SM3012",
	"max-age": "SM3013",
	"no-rollback": "SM3024",
	"attestations": "SM3025",
	"artifact-types": "SM3014",
	"media-types": "SM3015",
	"annotations": "SM3016",
	"max-size": "SM3017",
	"namespaces": "SM3018",
	"deny.digests": "SM3019",
	"deny.media-types": "SM3020",
	"deny.paths": "SM3021",
	"layers": "SM3022",
}

ids := [
	"rule",
	"signatures",
	"signer-validity",
	"root-age",
	"bind",
	"max-age",
	"no-rollback",
	"attestations",
	"artifact-types",
	"media-types",
	"annotations",
	"max-size",
	"namespaces",
	"deny.digests",
	"deny.media-types",
	"deny.paths",
	"layers",
]

# Milliseconds that a signature's time may lie in the future: the clocks of signer and verifier differ.
skew := 300000

decision := {
	"allow": count(failed) == 0,
	"rule": rule_name,
	"checks": [check(id) | some id in ids; shown(id)],
	"deny": [{"code": codes[id], "args": {"check": id}} | some id in failed],
	"approved": approved,
	"obligations": obligations,
	"exec": exec,
	"valid_until": valid_until,
}

failed := [id | some id in ids; not id in holds]

check(id) := {
	"id": id,
	"ok": id in holds,
	"got": object.get(got, [id], null),
	"want": object.get(want, [id], null),
}

shown(id) if not id in idle

shown(id) if not id in holds

# What the rule does not ask for holds. Each is known positively: the key is there, and null.
holds contains id if some id in idle

# --- the rule -------------------------------------------------------------------------------------------------------

name := input.reference.repository if input.reference.registry == null

name := concat("/", [input.reference.registry, input.reference.repository]) if is_string(input.reference.registry)

eligible contains id if {
	some id, candidate in policy.rules
	matches(candidate.match)
	may_be_named(candidate)
}

matches(match) if {
	match.layout == startswith(name, "oci:")
	fits(match)
}

fits(match) if match.kind == "any"

fits(match) if {
	match.kind in {"exact", "prefix"}
	match.base == name
}

fits(match) if {
	match.kind == "prefix"
	startswith(name, concat("", [match.base, "/"]))
}

may_be_named(candidate) if candidate.unsigned == false

may_be_named(candidate) if {
	candidate.unsigned == true
	input.reference.name_source == "asked"
}

heaviest := max([policy.rules[id].match.weight | some id in eligible])

default rule_name := null

rule_name := id if {
	some id in eligible
	policy.rules[id].match.weight == heaviest
}

rule := policy.rules[rule_name]

holds contains "rule" if is_string(rule_name)

got["rule"] := rule_name

want["rule"] := name

# --- signatures -----------------------------------------------------------------------------------------------------

# The signers of the rule, in the order in which a principal is credited to them.
order := [signer | some group in rule.require; some signer in group.signers]

ranks := {signer: rank | some rank, signer in order}

subjects contains input.artifact.digest

subjects contains input.artifact.reached_through.digest

# Whether a fact is by a signer, asked once more of the fact itself. A key is a principal; an identity is one without
# its `@refs/…`, or what else follows its last `@`, so that one workflow under two tags is one, whatever the tags are
# called; a certificate's is its root and its subject.
by(signer, fact) if {
	signer.kind == "key"
	signer.principal == fact.principal
}

by(signer, fact) if {
	signer.kind == "keyless"
	meant(signer, fact)
	signer.root == fact.root.digest
	fact.principal == concat(" ", [fact.issuer, without_ref(fact.identity)])
}

by(signer, fact) if {
	signer.kind == "x509"
	meant(signer, fact)
	fact.principal == concat(" ", ["x509", signer.root, fact.identity])
}

# Whom a signer means, under whatever root an identity may be certified.
meant(signer, fact) if {
	signer.kind == "keyless"
	signer.issuer == fact.issuer
	is_identity(signer.identity, fact.identity)
	has(fact, signer.claims)
}

meant(signer, fact) if {
	signer.kind == "x509"
	fact.issuer == null
	signer.root == fact.root.digest
	count(signer.subject) > 0
	has(fact, signer.subject)
}

has(fact, wanted) if {
	every name, value in wanted {
		fact.claims[name] == value
	}
}

# With one `@refs/` in pattern and identity it can only stand for itself, and each side is matched apart.
is_identity(pattern, identity) if {
	count(split(identity, "@refs/")) == pattern.refs + 1
	regex.match(pattern.regex, identity)
}

without_ref(identity) := identity if startswith(identity, "https://") == false

without_ref(identity) := identity if contains(identity, "@") == false

without_ref(identity) := split(identity, "@refs/")[0] if {
	startswith(identity, "https://")
	contains(identity, "@refs/")
}

without_ref(identity) := concat("@", array.slice(parts, 0, count(parts) - 1)) if {
	startswith(identity, "https://")
	contains(identity, "@refs/") == false
	parts := split(identity, "@")
	count(parts) > 1
}

# The contrary of `meant`, written positively: what cannot be told apart from a signer is that signer.
another(signer, fact) if {
	signer.kind == "key"
	signer.principal != fact.principal
}

another(signer, fact) if {
	signer.kind == "keyless"
	signer.issuer != fact.issuer
}

another(signer, fact) if {
	signer.kind == "keyless"
	fact.identity == null
}

another(signer, fact) if {
	signer.kind == "keyless"
	count(split(fact.identity, "@refs/")) != signer.identity.refs + 1
}

another(signer, fact) if {
	signer.kind == "keyless"
	lacks(fact, signer.claims)
}

another(signer, fact) if {
	signer.kind == "x509"
	is_string(fact.issuer)
}

another(signer, fact) if {
	signer.kind == "x509"
	fact.root == null
}

another(signer, fact) if {
	signer.kind == "x509"
	signer.root != fact.root.digest
}

another(signer, fact) if {
	signer.kind == "x509"
	lacks(fact, signer.subject)
}

lacks(fact, wanted) if {
	some name, value in wanted
	object.get(fact.claims, [name], null) != value
}

# What only the pattern tells apart: a regex is for what nothing else does (see `glob.alternatives` on their number).
unlike(signer, fact) if {
	signer.kind == "keyless"
	signer.issuer == fact.issuer
	has(fact, signer.claims)
	regex.match(signer.identity.regex, fact.identity) == false
}

# A model signature counts only with what it says of all files, so not where some are left out.
whole(signature) if signature.files == null

whole(_) if rule.exclude.texts == []

whole(_) if rule.model_signing_partial == true

says(signature) := null if signature.files == null

says(signature) := signature.files.digest if is_string(signature.files.digest)

# One subject under two roots counts once: one certificate may stand under both.
counted_as(signer, fact) := fact.principal if signer.kind in {"key", "keyless"}

counted_as(signer, fact) := concat(" ", ["x509", fact.identity]) if signer.kind == "x509"

# One key counts once, too: it may be managed and certified, or certified under several subjects.
made_with(signer, fact) := fact.key if {
	signer.kind == "x509"
	is_string(fact.key)
}

made_with(signer, fact) := counted_as(signer, fact) if {
	signer.kind == "x509"
	fact.key == null
}

made_with(signer, fact) := counted_as(signer, fact) if signer.kind in {"key", "keyless"}

# A signature as one of the rule's signers: by whom that signer means, about this artifact.
counted := [pair |
	some signature in input.signatures
	signature.subject in subjects
	some signer in signature.signers
	rank := ranks[signer]
	by(policy.signers[signer], signature)
	whole(signature)
	pair := {
		"signer": signer,
		"rank": rank,
		"principal": counted_as(policy.signers[signer], signature),
		"key": made_with(policy.signers[signer], signature),
		"bound_to": signature.bound_to,
		"time": signature.time,
		"expires_ms": signature.expires_ms,
		"root": signature.root,
		"files": says(signature),
		"revoked": revoked(signature),
	}
]

in_force := [pair | some pair in counted; valid(pair)]

rooted := [pair | some pair in in_force; recent_root(policy.signers[pair.signer], pair.root)]

bound := [pair | some pair in rooted; bound_right(pair)]

fresh := [pair | some pair in bound; young(pair)]

# What model signatures say of the files; those that say different things never count together.
cases := {null} | {pair.files | some pair in counted}

in_case(pairs, files) := [pair | some pair in pairs; pair.files in {null, files}]

met(pairs) if {
	some files in cases
	enough(in_case(pairs, files))
}

# Each principal is credited once, to the first signer in the rule's order that it signed as, and so is each key: a
# signer is credited with a signature whose principal and whose key it is the first for.
credited(pairs) := {pair.signer |
	some pair in pairs
	first(pairs, pair, "principal")
	first(pairs, pair, "key")
}

first(pairs, pair, what) if pair.rank == min([other.rank | some other in pairs; other[what] == pair[what]])

enough(pairs) if {
	count(rule.require) > 0
	signers := credited(pairs)
	every group in rule.require {
		group.threshold > 0
		count({signer | some signer in group.signers; signer in signers}) >= group.threshold
	}
}

holds contains "signatures" if rule.unsigned == true

holds contains "signatures" if {
	rule.unsigned == false
	met(counted)
}

got["signatures"] := sort(credited(counted))

want["signatures"] := rule.require

idle contains id if {
	rule.unsigned == true
	some id in ["signer-validity", "root-age", "bind", "max-age", "no-rollback"]
}

# A signer is valid for a signature that a third party saw while the signer's key was in force.
holds contains "signer-validity" if met(in_force)

got["signer-validity"] := [row |
	some pair in counted
	signer := policy.signers[pair.signer]
	row := {
		"signer": pair.signer,
		"valid_from": signer.valid_from,
		"valid_until": signer.valid_until,
		"revoked": signer.revoked,
		"revoked_since": signer.revoked_since,
		"time": pair.time,
	}
]

want["signer-validity"] := sort(credited(counted))

valid(pair) if {
	signer := policy.signers[pair.signer]
	pair.revoked == false
	after_start(signer, pair.time)
	before_end(signer, pair.time)
	not_of_the_future(pair.time.not_before_ms)
	not_of_the_future(pair.time.not_after_ms)
	unexpired(pair.expires_ms)
}

unexpired(instant) if instant == null

unexpired(instant) if {
	is_number(instant)
	is_number(input.now_ms)
	input.now_ms < instant
}

# A revocation sticks to whom it means, whichever signer's it is and whichever signer would count.
default revoked(_) := true

revoked(fact) := false if {
	every signer in policy.signers {
		spared(signer, fact)
	}
}

spared(signer, _) if {
	signer.revoked == false
	signer.revoked_since == null
}

spared(signer, fact) if {
	signer.revoked == true
	another(signer, fact)
}

spared(signer, fact) if {
	signer.revoked == true
	unlike(signer, fact)
}

spared(signer, fact) if {
	is_number(signer.revoked_since)
	another(signer, fact)
}

spared(signer, fact) if {
	is_number(signer.revoked_since)
	unlike(signer, fact)
}

spared(signer, fact) if {
	signer.revoked == false
	is_number(signer.revoked_since)
	is_number(fact.time.not_after_ms)
	fact.time.not_after_ms < signer.revoked_since
}

after_start(signer, _) if signer.valid_from == null

after_start(signer, time) if {
	is_number(time.not_after_ms)
	time.not_after_ms >= signer.valid_from
}

before_end(signer, _) if signer.valid_until == null

before_end(signer, time) if {
	is_number(time.not_after_ms)
	time.not_after_ms < signer.valid_until
}

not_of_the_future(instant) if instant == null

not_of_the_future(instant) if {
	is_number(instant)
	is_number(input.now_ms)
	instant <= input.now_ms + skew
}

# Whoever stands under a trust root needs one that was vouched for lately.
idle contains "root-age" if policy.max_root_age == null

holds contains "root-age" if {
	is_number(policy.max_root_age)
	met(rooted)
}

got["root-age"] := [rendered(pair.root) | some pair in in_force]

want["root-age"] := policy.max_root_age

rendered(root) := null if root == null

rendered(root) := root.updated if is_object(root)

recent_root(signer, _) if signer.kind in {"key", "x509"}

recent_root(signer, _) if {
	signer.kind == "keyless"
	policy.max_root_age == null
}

recent_root(signer, root) if {
	signer.kind == "keyless"
	is_number(root.updated_ms)
	is_number(input.now_ms)
	not_of_the_future(root.updated_ms)
	input.now_ms - root.updated_ms <= policy.max_root_age
}

# The signature names the repository that it is about, or at least no other.
holds contains "bind" if met(bound)

got["bind"] := [pair.bound_to | some pair in rooted]

want["bind"] := {"bind": rule.bind, "repository": name}

bound_right(_) if rule.bind == "any"

bound_right(pair) if {
	rule.bind == "named"
	pair.bound_to in {null, name}
}

bound_right(pair) if {
	rule.bind == "repository"
	pair.bound_to == name
}

# Age is counted from the time inside the signed bytes; a stamp can be renewed by anyone.
idle contains "max-age" if rule.max_age == null

holds contains "max-age" if {
	is_number(rule.max_age)
	met(fresh)
}

got["max-age"] := [pair.time.not_before | some pair in bound]

want["max-age"] := rule.max_age

young(_) if rule.max_age == null

young(pair) if {
	is_number(pair.time.not_before_ms)
	is_number(input.now_ms)
	input.now_ms - pair.time.not_before_ms <= rule.max_age
}

# What was used before is not undone: the newest of the signatures that count is at least as new as the mark.
idle contains "no-rollback" if rule.no_rollback == null

holds contains "no-rollback" if {
	rule.no_rollback in {"tag", "repository"}
	some files in cases
	pairs := in_case(fresh, files)
	enough(pairs)
	not_older(max([pair.time.not_before_ms | some pair in pairs; is_number(pair.time.not_before_ms)]))
}

got["no-rollback"] := [pair.time.not_before | some pair in fresh]

want["no-rollback"] := {"newest_ms": input.history.newest_ms}

not_older(instant) if {
	input.history.newest_ms == null
	is_number(instant)
}

not_older(instant) if {
	is_number(input.history.newest_ms)
	is_number(instant)
	instant >= input.history.newest_ms
}

# --- attestations ---------------------------------------------------------------------------------------------------

idle contains "attestations" if rule.attestations == []

holds contains "attestations" if {
	count(rule.attestations) > 0
	every wanted in rule.attestations {
		attested(wanted)
	}
}

got["attestations"] := [wanted.type | some wanted in rule.attestations; attested(wanted)]

want["attestations"] := [{"type": wanted.type, "signers": wanted.signers} | some wanted in rule.attestations]

attested(wanted) if {
	some statement in input.attestations
	statement.predicate_type == wanted.type
	statement.subject in subjects
	some name in wanted.signers
	name in statement.signers
	signer := policy.signers[name]
	by(signer, statement)
	at_home(statement)
	revoked(statement) == false
	after_start(signer, statement.time)
	before_end(signer, statement.time)
	not_of_the_future(statement.time.not_before_ms)
	not_of_the_future(statement.time.not_after_ms)
	unexpired(statement.expires_ms)
	recent_root(signer, statement.root)
	every condition in wanted.where {
		stands(condition, statement.predicate)
	}
}

# A statement need not name a repository, whatever the rule asks of signatures, but must not name another one.
at_home(_) if rule.bind == "any"

at_home(statement) if statement.bound_to in {null, name}

# A pointer is followed in every way that it can be read; a value that is not there is null, which none allows.
stands(condition, predicate) if {
	some path in condition.paths
	object.get({"": predicate}, array.concat([""], path), null) in condition.values
}

# --- the artifact ---------------------------------------------------------------------------------------------------

layers := input.artifact.layers

some_match(patterns, text) if {
	some pattern in patterns.regexes
	regex.match(pattern, text)
}

none_match(patterns, text) if {
	is_array(patterns.regexes)
	every pattern in patterns.regexes {
		regex.match(pattern, text) == false
	}
}

# What a manifest says of the artifact is a fact only where a signature is about the manifest: a model signature is about
# files, and anyone can write another manifest for them.
vouched if rule.unsigned == true

vouched if {
	every pair in counted {
		pair.files == null
	}
}

vouched if {
	some pair in fresh
	pair.files == null
}

idle contains "artifact-types" if rule.artifact_types == null

holds contains "artifact-types" if {
	vouched
	some_match(rule.artifact_types, input.artifact.folded.artifact_type)
}

got["artifact-types"] := input.artifact.artifact_type if vouched

want["artifact-types"] := rule.artifact_types.texts

idle contains "media-types" if rule.media_types == null

holds contains "media-types" if {
	count(rule.media_types.regexes) > 0
	every layer in layers {
		some_match(rule.media_types, layer.folded.media_type)
	}
}

got["media-types"] := sort({layer.media_type |
	some layer in layers
	not some_match(rule.media_types, layer.folded.media_type)
})

want["media-types"] := rule.media_types.texts

idle contains "annotations" if rule.annotations == {}

holds contains "annotations" if {
	vouched
	every key, values in rule.annotations {
		input.artifact.annotations[key] in values
	}
}

got["annotations"] := {key: told(key) | some key, _ in rule.annotations}

default told(_) := null

told(key) := input.artifact.annotations[key] if vouched

want["annotations"] := rule.annotations

idle contains "max-size" if rule.max_size == null

total := sum([layer.size | some layer in layers])

holds contains "max-size" if {
	is_number(rule.max_size)
	every layer in layers {
		layer.size >= 0
		is_number(layer.size)
	}
	total <= rule.max_size
}

got["max-size"] := total

want["max-size"] := rule.max_size

idle contains "namespaces" if rule.namespaces == null

holds contains "namespaces" if {
	is_string(input.request.namespace)
	some_match(rule.namespaces, input.request.namespace)
}

got["namespaces"] := input.request.namespace

want["namespaces"] := rule.namespaces.texts

# --- floors: they hold whatever rule applies ------------------------------------------------------------------------

idle contains "deny.digests" if policy.deny.digests == []

holds contains "deny.digests" if {
	undenied(input.artifact.digest)
	undenied(input.artifact.config.digest)
	undenied_index
	is_array(input.artifact.digests)
	every digest in input.artifact.digests {
		undenied(digest)
	}
	every layer in layers {
		undenied(layer.digest)
	}
}

undenied(digest) if {
	is_string(digest)
	is_array(policy.deny.digests)
	count({digest} & denied) == 0
}

denied := {digest | some digest in policy.deny.digests}

undenied_index if input.artifact.reached_through == null

undenied_index if undenied(input.artifact.reached_through.digest)

digests := array.concat(input.artifact.digests, [layer.digest | some layer in layers])

got["deny.digests"] := sort({digest | some digest in digests} & denied)

want["deny.digests"] := []

idle contains "deny.media-types" if policy.deny.media_types.texts == []

holds contains "deny.media-types" if {
	count(input.artifact.folded.media_types) >= 3
	every text in input.artifact.folded.media_types {
		none_match(policy.deny.media_types, text)
	}
	every layer in layers {
		none_match(policy.deny.media_types, layer.folded.media_type)
	}
}

got["deny.media-types"] := sort({text |
	some text in array.concat(input.artifact.folded.media_types, [layer.folded.media_type | some layer in layers])
	some_match(policy.deny.media_types, text)
})

want["deny.media-types"] := []

# Paths inside archives are held to the floor by the tree, which alone knows them.
idle contains "deny.paths" if policy.deny.paths.texts == []

holds contains "deny.paths" if {
	every layer in layers {
		clear_path(layer)
	}
}

clear_path(layer) if layer.kind in {"archive", "unknown"}

clear_path(layer) if {
	layer.kind == "file"
	none_match(policy.deny.paths, layer.folded.path)
}

got["deny.paths"] := [layer.path |
	some layer in layers
	layer.kind == "file"
	some_match(policy.deny.paths, layer.folded.path)
]

want["deny.paths"] := []

# --- what is granted ------------------------------------------------------------------------------------------------

# File layers whose path the rule excludes are withheld; what is inside archives is withheld by the tree.
default approved := []

approved := [layer.index |
	some position, layer in layers
	layer.index == position
	kept(layer)
]

kept(layer) if {
	layer.kind in {"archive", "unknown"}
	is_array(rule.exclude.texts)
}

kept(layer) if {
	layer.kind == "file"
	none_match(rule.exclude, layer.folded.path)
}

holds contains "layers" if count(approved) > 0

got["layers"] := count(approved)

want["layers"] := "at least one layer that is not withheld"

default obligations := {}

obligations := {
	"exclude": rule.exclude.texts,
	"forbid_paths": policy.deny.paths.texts,
	"forbid_digests": policy.deny.digests,
	"max_unpacked_size": rule.max_unpacked_size,
	"symlinks": rule.symlinks,
}

default exec := false

exec := rule.exec

# The next instant at which the answer could be another one; null if it does not depend on the clock.
default valid_until := null

valid_until := min(moments) if count(moments) > 0

moments contains instant if {
	some pair in counted
	is_number(rule.max_age)
	is_number(pair.time.not_before_ms)
	instant := (pair.time.not_before_ms + rule.max_age) + 1
	instant > input.now_ms
}

moments contains instant if {
	some facts in [input.signatures, input.attestations]
	some fact in facts
	is_number(policy.max_root_age)
	is_number(fact.root.updated_ms)
	instant := (fact.root.updated_ms + policy.max_root_age) + 1
	instant > input.now_ms
}

moments contains instant if {
	some facts in [input.signatures, input.attestations]
	some fact in facts
	some stamp in stamps(fact)
	instant := stamp - skew
	instant > input.now_ms
}

moments contains fact.expires_ms if {
	some facts in [input.signatures, input.attestations]
	some fact in facts
	is_number(fact.expires_ms)
	fact.expires_ms > input.now_ms
}

stamps(fact) := {stamp |
	some stamp in [fact.time.not_before_ms, fact.time.not_after_ms, object.get(fact, ["root", "updated_ms"], null)]
	is_number(stamp)
}
