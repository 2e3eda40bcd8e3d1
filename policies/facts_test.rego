# Run by `opa test policies`: identities, certificates, statements, roots and history, as in decision_test.rego. A field
# taken away or a null where a text stood must never allow, and never spare what is revoked.
package secmount_facts_test

import data.secmount
import data.secmount_test as base

issuer := "https://issuer.example"

workflow := "https://example/a/b.yml"

flow := object.union(base.signer("flow"), {
	"kind": "keyless",
	"principal": null,
	"issuer": issuer,
	"identity": {"text": "x", "regex": `^https://example/a/b\.yml@refs/tags/[^/]*(?:/[^/]*)*$`, "refs": 1},
	"claims": {"source-repository": "r"},
	"root": "sha256:root",
})

corp := object.union(base.signer("corp"), {
	"kind": "x509",
	"principal": null,
	"subject": {"CN": "release", "O": "Acme"},
	"root": "sha256:anchors",
})

policy := json.patch(base.policy, [
	{"op": "add", "path": "/signers/flow", "value": flow},
	{"op": "add", "path": "/signers/corp", "value": corp},
	{"op": "replace", "path": "/rules/models/require", "value": [{"signers": ["flow", "corp"], "threshold": 1}]},
])

root(digest) := {"digest": digest, "updated": "then", "updated_ms": base.now - base.day}

by_flow := object.union(base.signed("flow"), {
	"principal": concat(" ", [issuer, workflow]),
	"issuer": issuer,
	"identity": concat("", [workflow, "@refs/tags/v1"]),
	"claims": {"source-repository": "r", "more": "x"},
	"root": root("sha256:root"),
})

by_corp := object.union(base.signed("corp"), {
	"principal": "x509 sha256:anchors CN=release,O=Acme",
	"identity": "CN=release,O=Acme",
	"claims": {"CN": "release", "O": "Acme"},
	"root": root("sha256:anchors"),
})

# What the program says of these signatures, of the document and of the policy, each changed by JSON patches.
said(signatures, document_patch, policy_patch) := answer if {
	signed := json.patch(base.document, [{"op": "replace", "path": "/signatures", "value": signatures}])
	answer := secmount.decision with input as json.patch(signed, document_patch)
		with data.secmount.policy as json.patch(policy, policy_patch)
}

set(path, value) := [{"op": "replace", "path": path, "value": value}]

remove(path) := [{"op": "remove", "path": path}]

first(key) := concat("", ["/signatures/0/", key])

denied_by(answer, check) if base.failed(answer)[0] == check

test_both_are_allowed if {
	said([by_flow], [], []).allow == true
	said([by_corp], [], []).allow == true
}

test_nothing_is_allowed_without_a_field if {
	every key in ["issuer", "identity", "claims", "root", "root/digest", "principal", "files"] {
		said([by_flow], remove(first(key)), []).allow == false
	}
	every key in ["issuer", "identity", "claims", "root", "root/digest", "principal", "files", "key"] {
		said([by_corp], remove(first(key)), []).allow == false
	}
}

test_nothing_is_allowed_for_a_null if {
	every key in ["issuer", "identity", "claims", "root", "root/digest", "principal"] {
		said([by_flow], set(first(key), null), []).allow == false
	}
	every key in ["identity", "claims", "root", "root/digest", "principal"] {
		said([by_corp], set(first(key), null), []).allow == false
	}
}

test_nothing_is_allowed_without_a_key_of_the_policy if {
	every key in ["kind", "issuer", "identity", "identity/regex", "identity/refs", "claims", "root", "revoked", "revoked_since"] {
		said([by_flow], [], remove(concat("", ["/signers/flow/", key]))).allow == false
	}
	every key in ["kind", "subject", "root", "revoked", "revoked_since"] {
		said([by_corp], [], remove(concat("", ["/signers/corp/", key]))).allow == false
	}
	every key in ["attestations", "no_rollback"] {
		said([by_flow], [], remove(concat("", ["/rules/models/", key]))).allow == false
	}
	said([by_flow], [], remove("/max_root_age")).allow == false
	said([by_flow], remove("/history"), set("/rules/models/no_rollback", "tag")).allow == false
	said([by_flow], remove("/attestations"), attesting([])).allow == false
}

test_an_empty_subject_is_nobody if said([by_corp], [], set("/signers/corp/subject", {})).allow == false

test_identities if {
	every identity in [
		workflow, concat("", [workflow, "@refs/heads/main"]), concat("", ["x", workflow, "@refs/tags/v1"]),
		concat("", [workflow, "@refs/heads/x@refs/tags/v1"]), concat("", [workflow, "x@refs/tags/v1"]), "",
	] {
		said([by_flow], set(first("identity"), identity), []).allow == false
	}
}

test_a_second_ref_never_matches if {
	twice := concat("", [workflow, "@refs/tags/v1@refs/tags/v2"])
	signature := json.patch(by_flow, [
		{"op": "replace", "path": "/identity", "value": twice},
		{"op": "replace", "path": "/principal", "value": concat("", [issuer, " ", workflow, "@refs/tags/v1"])},
	])
	said([signature], [], []).allow == false
}

test_an_identity_without_a_ref if {
	bare := set("/signers/flow/identity", {"text": "x", "regex": `^https://example/a/b\.yml$`, "refs": 0})
	plain := json.patch(by_flow, [{"op": "replace", "path": "/identity", "value": workflow}])
	said([plain], [], bare).allow == true
	said([by_flow], [], bare).allow == false
	longer := json.patch(by_flow, [
		{"op": "replace", "path": "/identity", "value": concat("", [workflow, "x"])},
		{"op": "replace", "path": "/principal", "value": concat("", [issuer, " ", workflow, "x"])},
	])
	said([longer], [], bare).allow == false
}

test_revoked_is_more_than_revoked_since if {
	both := object.union(flow, {"revoked": true, "revoked_since": base.now + base.day})
	denied_by(said([by_flow], [], [{"op": "add", "path": "/signers/burnt", "value": both}]), "signer-validity")
	later := object.union(flow, {"revoked_since": base.now + base.day})
	said([by_flow], [], [{"op": "add", "path": "/signers/burnt", "value": later}]).allow == true
}

test_a_principal_is_cut_at_its_last_at if {
	two := json.patch(by_flow, [{"op": "replace", "path": "/identity", "value": concat("", [workflow, "@refs/tags/v2"])}])
	said([by_flow, two], [], set("/rules/models/require/0/threshold", 2)).allow == false
	said([by_flow, by_corp], [], set("/rules/models/require/0/threshold", 2)).allow == true
	whole := set(first("principal"), concat(" ", [issuer, by_flow.identity]))
	said([by_flow], whole, []).allow == false
}

test_a_mail_address_is_not_cut if {
	person := [
		{"op": "replace", "path": "/signers/flow/identity", "value": {"text": "x", "regex": "^[^/]*@example$", "refs": 0}},
		{"op": "replace", "path": "/signers/flow/claims", "value": {}},
	]
	mail := json.patch(by_flow, [
		{"op": "replace", "path": "/identity", "value": "ann@example"},
		{"op": "replace", "path": "/principal", "value": concat(" ", [issuer, "ann@example"])},
	])
	said([mail], [], person).allow == true
	said([mail], set(first("principal"), concat(" ", [issuer, "ann"])), person).allow == false
}

test_one_subject_under_two_roots_counts_once if {
	other := object.union(corp, {"root": "sha256:more"})
	added := [
		{"op": "add", "path": "/signers/other", "value": other},
		{"op": "replace", "path": "/rules/models/require", "value": [{"signers": ["corp", "other"], "threshold": 2}]},
	]
	again := object.union(by_corp, {
		"signers": ["other"],
		"root": root("sha256:more"),
		"principal": "x509 sha256:more CN=release,O=Acme",
	})
	said([by_corp, again], [], added).allow == false
}

revoking(signer) := [{"op": "add", "path": "/signers/burnt", "value": object.union(signer, {"revoked": true})}]

test_a_revocation_sticks if {
	denied_by(said([by_flow], [], revoking(flow)), "signer-validity")
	denied_by(said([by_flow], [], revoking(object.union(flow, {"root": "sha256:other"}))), "signer-validity")
	denied_by(said([by_corp], [], revoking(corp)), "signer-validity")
	said([by_flow], [], revoking(corp)).allow == true
	said([by_corp], [], revoking(flow)).allow == true
	every change in [
		{"issuer": "https://other"}, {"claims": {"source-repository": "s"}}, {"claims": {"absent": "r"}},
		{"identity": {"text": "x", "regex": "^x@refs/x$", "refs": 1}}, {"identity": {"text": "x", "regex": "^x$", "refs": 0}},
		{"identity": {"text": "x", "regex": `^https://example/a/b\.yml@refs/heads/x$`, "refs": 1}},
	] {
		said([by_flow], [], revoking(object.union(json.remove(flow, ["claims", "identity"]), object.union({"claims": {}, "identity": flow.identity}, change)))).allow == true
	}
}

# A revoked signer that cannot be told apart from whom a fact is by is whom it is by.
test_what_cannot_be_told_is_revoked if {
	every key in ["kind", "issuer", "identity", "claims"] {
		burnt := json.remove(object.union(flow, {"revoked": true}), [key])
		denied_by(said([by_flow], [], [{"op": "add", "path": "/signers/burnt", "value": burnt}]), "signer-validity")
	}
	unknown := json.remove(flow, ["revoked"])
	denied_by(said([by_flow], [], [{"op": "add", "path": "/signers/burnt", "value": unknown}]), "signer-validity")
}

test_root_age if {
	answer := said([by_flow], [], set("/max_root_age", base.day))
	answer.allow == true
	answer.valid_until == base.now + 1
	denied_by(said([by_flow], [], set("/max_root_age", base.day - 1)), "root-age")
	denied_by(said([by_flow], set(first("root/updated_ms"), null), set("/max_root_age", base.day)), "root-age")
	denied_by(said([by_flow], set(first("root/updated_ms"), base.now + 300001), set("/max_root_age", base.day)), "root-age")
	said([by_flow], set(first("root/updated_ms"), null), []).allow == true
	said([by_corp], [], set("/max_root_age", 1)).allow == true
}

test_what_has_run_out if {
	late := said([by_flow], set(first("expires_ms"), base.now + 1), [])
	late.allow == true
	late.valid_until == base.now + 1
	denied_by(said([by_flow], set(first("expires_ms"), base.now), []), "signer-validity")
	denied_by(said([by_flow], remove(first("expires_ms")), []), "signatures")
	denied_by(said([by_flow], set(first("expires_ms"), "later"), []), "signer-validity")
	base.failed(said([by_flow], stating({"expires_ms": base.now}), attesting(ok))) == ["attestations"]
	said([by_flow], stating({"expires_ms": base.now + 1}), attesting(ok)).valid_until == base.now + 1
}

back := set("/rules/models/no_rollback", "tag")

test_rollback if {
	said([by_flow], [], back).allow == true
	said([by_flow], set("/history/newest_ms", base.now - base.day), back).allow == true
	denied_by(said([by_flow], set("/history/newest_ms", (base.now - base.day) + 1), back), "no-rollback")
	denied_by(said([by_flow], set(first("time/not_before_ms"), null), back), "no-rollback")
	denied_by(said([by_flow], set("/history/newest_ms", "0"), back), "no-rollback")
	denied_by(said([by_flow], [], set("/rules/models/no_rollback", "other")), "no-rollback")
}

test_models if {
	files := {"count": 1, "digest": "sha256:f"}
	model := object.union(by_flow, {"files": files})
	excluded := set("/rules/models/exclude", {"texts": [], "regexes": []})
	said([model], [], excluded).allow == true
	denied_by(said([model], [], []), "signatures")
	said([model], [], set("/rules/models/model_signing_partial", true)).allow == true
	two := array.concat(excluded, set("/rules/models/require/0/threshold", 2))
	other := object.union(by_corp, {"files": {"count": 1, "digest": "sha256:g"}})
	same := object.union(by_corp, {"files": files})
	said([model, other], [], two).allow == false
	said([model, same], [], two).allow == true
	said([model, by_corp], [], two).allow == true
	said([object.union(by_flow, {"files": {"count": 1}})], [], excluded).allow == false
}

attesting(where) := set("/rules/models/attestations", [{"type": "t", "signers": ["flow", "ci"], "where": where}])

statement := object.union(object.remove(by_flow, ["files", "key"]), {"predicate_type": "t", "predicate": {"a": ["x"]}})

stating(change) := set("/attestations", [object.union(statement, change)])

ok := [{"pointer": "/a/0", "paths": [["a", "0"], ["a", 0]], "values": ["x"]}]

test_attestations if {
	said([by_flow], stating({}), attesting([])).allow == true
	said([by_flow], stating({}), attesting(ok)).allow == true
	every change in [
		{"predicate_type": "u"}, {"subject": "sha256:other"}, {"signers": ["release"]}, {"signers": ["ci"]},
		{"principal": "sha256:ci"}, {"issuer": "https://other"}, {"root": root("sha256:other")}, {"predicate": null},
		{"predicate": {"a": {"1": "x"}}}, {"bound_to": "ghcr.io/acme/other"}, {"predicate": {"a": ["y", "x"]}}, {"predicate": {"a": [null]}},
		{"time": object.union(by_flow.time, {"not_before_ms": base.now + 300001})},
	] {
		base.failed(said([by_flow], stating(change), attesting(ok))) == ["attestations"]
	}
	base.failed(said([by_flow], [], attesting(ok))) == ["attestations"]
}

test_a_statement_of_another_repository if {
	other := stating({"bound_to": "ghcr.io/acme/other"})
	base.failed(said([by_flow], other, attesting(ok))) == ["attestations"]
	said([by_flow], other, array.concat(attesting(ok), set("/rules/models/bind", "any"))).allow == true
	said([by_flow], stating({"bound_to": "ghcr.io/acme/m"}), attesting(ok)).allow == true
}

test_no_statement_without_a_field if {
	every key in ["predicate_type", "subject", "signers", "principal", "issuer", "identity", "claims", "bound_to", "root", "time", "predicate"] {
		patch := array.concat(stating({}), remove(concat("", ["/attestations/0/", key])))
		base.failed(said([by_flow], patch, attesting(ok))) == ["attestations"]
	}
	every key in ["type", "signers", "where"] {
		patch := array.concat(attesting(ok), remove(concat("", ["/rules/models/attestations/0/", key])))
		said([by_flow], stating({}), patch).allow == false
	}
	every key in ["paths", "values"] {
		patch := array.concat(attesting(ok), remove(concat("", ["/rules/models/attestations/0/where/0/", key])))
		base.failed(said([by_flow], stating({}), patch)) == ["attestations"]
	}
}

test_a_revoked_attester if {
	base.failed(said([by_corp], stating({}), array.concat(attesting(ok), set("/signers/flow/revoked", true)))) == ["attestations"]
	every change in [["valid_from", base.now], ["valid_until", base.now - base.day]] {
		window := set(concat("/", ["/signers/flow", change[0]]), change[1])
		base.failed(said([by_corp], stating({}), array.concat(attesting(ok), window))) == ["attestations"]
	}
	ahead := {"time": object.union(by_flow.time, {"not_after_ms": base.now + 300001})}
	base.failed(said([by_corp], stating(ahead), attesting(ok))) == ["attestations"]
	old := array.concat(attesting(ok), set("/max_root_age", base.day - 1))
	base.failed(said([by_corp], stating({}), old)) == ["attestations"]
}
