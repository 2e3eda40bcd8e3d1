# Run by `opa test policies` (and by policies/build before it compiles): what the program says of inputs that no loader
# would write. A field taken away, a null where a number stood or a malformed pattern must never allow.
package secmount_test

import data.secmount

now := 1790000000000

day := 86400000

policy := {
	"version": 1,
	"deny": {"digests": [], "media_types": {"texts": [], "regexes": []}, "paths": {"texts": [], "regexes": []}},
	"max_root_age": null,
	"signers": {name: signer(name) | some name in ["release", "ci", "qa"]},
	"rules": {"models": {
		"match": {"kind": "prefix", "base": "ghcr.io/acme", "layout": false, "weight": 24},
		"unsigned": false,
		"require": [{"signers": ["release", "ci"], "threshold": 1}],
		"artifact_types": null,
		"media_types": null,
		"exclude": {"texts": ["**/*.pkl"], "regexes": [`^(?:[^/]*/)*[^/]*\.pkl$`]},
		"annotations": {},
		"max_size": null,
		"max_unpacked_size": null,
		"max_age": null,
		"bind": "named",
		"namespaces": null,
		"symlinks": "inside",
		"exec": false,
		"attestations": [],
		"no_rollback": null,
		"model_signing_partial": false,
	}},
}

signer(name) := {
	"kind": "key",
	"principal": concat(":", ["sha256", name]),
	"issuer": null,
	"identity": null,
	"claims": null,
	"root": null,
	"subject": null,
	"valid_from": null,
	"valid_until": null,
	"revoked": false,
	"revoked_since": null,
}

signed(name) := {
	"format": "test",
	"subject": "sha256:m",
	"signers": [name],
	"principal": concat(":", ["sha256", name]),
	"issuer": null,
	"identity": null,
	"claims": {},
	"key": null,
	"bound_to": null,
	"annotations": {},
	"time": {
		"not_before": "then",
		"not_before_ms": now - day,
		"not_before_source": "signed",
		"not_after": "then",
		"not_after_ms": now - day,
		"not_after_source": "tsa",
	},
	"root": null,
	"expires": null,
	"expires_ms": null,
	"files": null,
}

layer(index, path, kind) := {
	"index": index,
	"digest": concat("", ["sha256:layer", path]),
	"media_type": "application/x-raw",
	"size": 100,
	"annotations": {},
	"path": path,
	"kind": kind,
	"folded": {"path": lower(path), "media_type": "application/x-raw"},
}

document := {
	"schema": "secmount.input/v1",
	"request": {
		"face": "cli",
		"use": "cli",
		"verb": "mount",
		"user": null,
		"namespace": "ml",
		"pod": null,
		"service_account": null,
	},
	"reference": {
		"text": "ghcr.io/acme/m:v1",
		"registry": "ghcr.io",
		"repository": "acme/m",
		"tag": "v1",
		"digest": null,
		"name_source": "asked",
		"transport": "registry",
	},
	"artifact": {
		"authenticated": true,
		"digest": "sha256:m",
		"media_type": "application/m",
		"artifact_type": "application/a",
		"annotations": {"licence": "MIT"},
		"config": {"digest": "sha256:c", "media_type": "application/c", "size": 2, "annotations": {}},
		"index": null,
		"reached_through": null,
		"digests": ["sha256:m", "sha256:c", "sha512:m"],
		"platform": null,
		"layers": [layer(0, "model.bin", "file"), layer(1, "evil.PKL", "file"), layer(2, "a.tar", "archive")],
		"folded": {
			"artifact_type": "application/a",
			"media_types": ["application/m", "application/a", "application/c"],
		},
	},
	"signatures": [signed("release")],
	"attestations": [],
	"history": {"newest_ms": null},
	"now_ms": now,
}

# What the program says of the document and the policy, each changed by JSON patches (RFC 6902).
said(document_patch, policy_patch) := answer if {
	answer := secmount.decision with input as json.patch(document, document_patch)
		with data.secmount.policy as json.patch(policy, policy_patch)
}

set_rule(key, value) := [{"op": "replace", "path": concat("", ["/rules/models/", key]), "value": value}]

set_signer(key, value) := [{"op": "replace", "path": concat("", ["/signers/release/", key]), "value": value}]

set_input(path, value) := [{"op": "replace", "path": path, "value": value}]

remove(path) := [{"op": "remove", "path": path}]

failed(answer) := [reason.args.check | some reason in answer.deny]

test_allows if {
	answer := said([], [])
	answer.allow == true
	answer.rule == "models"
	answer.deny == []
	answer.approved == [0, 2]
	answer.exec == false
	answer.valid_until == null
}

# Every field of the input that the rule needs: without it nothing is allowed.
test_nothing_is_allowed_without_a_field if {
	every path in [
		"/reference/registry", "/reference/repository", "/artifact/digest", "/artifact/layers", "/signatures",
		"/signatures/0/subject", "/signatures/0/signers", "/signatures/0/principal", "/signatures/0/bound_to",
		"/signatures/0/time", "/signatures/0/time/not_before_ms", "/signatures/0/time/not_after_ms",
	] {
		said(remove(path), []).allow == false
	}
}

test_nothing_is_allowed_without_the_clock_that_a_rule_needs if {
	said(remove("/now_ms"), set_rule("max_age", 90 * day)).allow == false
	said(remove("/now_ms"), []).allow == false
}

# Every key of the policy: data without it is not data that the loader wrote.
test_nothing_is_allowed_without_a_key if {
	every path in [
		"/rules/models/match", "/rules/models/match/layout", "/rules/models/match/weight", "/rules/models/unsigned",
		"/rules/models/require", "/rules/models/artifact_types", "/rules/models/media_types", "/rules/models/exclude",
		"/rules/models/annotations", "/rules/models/max_size", "/rules/models/max_age", "/rules/models/bind",
		"/rules/models/namespaces", "/signers/release", "/signers/release/principal", "/signers/release/revoked",
		"/signers/release/revoked_since", "/signers/release/valid_from", "/signers/release/valid_until",
		"/deny", "/deny/digests", "/deny/media_types", "/deny/paths",
	] {
		said([], remove(path)).allow == false
	}
}

test_a_malformed_pattern_withholds if {
	said([], set_rule("exclude", {"texts": ["["], "regexes": ["["]})).approved == [2]
	said([], set_rule("exclude", {"texts": ["x"]})).approved == [2]
}

test_a_malformed_floor_denies if {
	every key in ["media_types", "paths"] {
		patch := [{"op": "replace", "path": concat("", ["/deny/", key]), "value": {"texts": ["["], "regexes": ["["]}}]
		said([], patch).allow == false
	}
}

# In Rego null is less than every number: an absent time would pass every upper bound.
test_an_absent_time_passes_no_bound if {
	gone := set_input("/signatures/0/time/not_after_ms", null)
	every key in ["valid_until", "valid_from", "revoked_since"] {
		answer := said(gone, set_signer(key, now + day))
		answer.allow == false
		failed(answer)[0] == "signer-validity"
	}
	failed(said(set_input("/signatures/0/time/not_before_ms", null), set_rule("max_age", day * 90)))[0] == "max-age"
}

test_windows_are_half_open if {
	said([], set_signer("valid_from", now - day)).allow == true
	said([], set_signer("valid_from", (now - day) + 1)).allow == false
	said([], set_signer("valid_until", now - day)).allow == false
	said([], set_signer("valid_until", (now - day) + 1)).allow == true
	said([], set_signer("revoked_since", now - day)).allow == false
	said([], set_signer("revoked_since", (now - day) + 1)).allow == true
	said([], set_signer("revoked", true)).allow == false
}

test_five_minutes_of_the_future if {
	every key in ["not_before_ms", "not_after_ms"] {
		path := concat("", ["/signatures/0/time/", key])
		said(set_input(path, now + 300000), []).allow == true
		answer := said(set_input(path, now + 300001), [])
		answer.allow == false
		answer.valid_until == now + 1
	}
}

test_age if {
	answer := said([], set_rule("max_age", day))
	answer.allow == true
	answer.valid_until == now + 1
	said([], set_rule("max_age", day - 1)).allow == false
}

test_a_principal_counts_once if {
	twice := set_input("/signatures", [signed("release"), signed("release")])
	said(twice, set_rule("require", [{"signers": ["release", "ci"], "threshold": 2}])).allow == false
	both := set_input("/signatures", [object.union(signed("release"), {"signers": ["release", "ci"]})])
	said(both, set_rule("require", [{"signers": ["release"], "threshold": 1}, {"signers": ["ci"], "threshold": 1}])).allow == false
	two := set_input("/signatures", [signed("release"), signed("ci")])
	said(two, set_rule("require", [{"signers": ["release"], "threshold": 1}, {"signers": ["ci"], "threshold": 1}])).allow == true
}

test_a_key_under_another_name_does_not_count if {
	said(set_input("/signatures/0/principal", "sha256:ci"), []).allow == false
	said(set_input("/signatures/0/signers", ["qa"]), []).allow == false
	said(set_input("/signatures/0/subject", "sha256:other"), []).allow == false
}

test_no_threshold_below_one if {
	said(set_input("/signatures", []), set_rule("require", [{"signers": ["release"], "threshold": 0}])).allow == false
	said(set_input("/signatures", []), set_rule("require", [])).allow == false
}

test_unsigned_rules_never_judge_an_asserted_name if {
	patch := array.concat(set_rule("unsigned", true), set_rule("require", []))
	said(set_input("/signatures", []), patch).allow == true
	answer := said(array.concat(set_input("/signatures", []), set_input("/reference/name_source", "asserted")), patch)
	answer.allow == false
	answer.rule == null
}

test_bind if {
	other := set_input("/signatures/0/bound_to", "ghcr.io/acme/other")
	same := set_input("/signatures/0/bound_to", "ghcr.io/acme/m")
	said(other, []).allow == false
	said(same, []).allow == true
	said(other, set_rule("bind", "any")).allow == true
	said([], set_rule("bind", "repository")).allow == false
	said(same, set_rule("bind", "repository")).allow == true
	said(same, set_rule("bind", "anything")).allow == false
}

test_layouts_and_registries_do_not_meet if {
	layout := [
		{"op": "replace", "path": "/reference/registry", "value": null},
		{"op": "replace", "path": "/reference/repository", "value": "oci:/srv/m"},
	]
	said(layout, set_rule("match", {"kind": "any", "base": "", "layout": false, "weight": 0})).rule == null
	said(layout, set_rule("match", {"kind": "prefix", "base": "oci:/srv", "layout": true, "weight": 16})).rule == "models"
	said([], set_rule("match", {"kind": "prefix", "base": "ghcr.io/ac", "layout": false, "weight": 20})).rule == null
}

test_floors if {
	every digest in ["sha256:m", "sha512:m", "sha256:c", "sha256:layermodel.bin"] {
		failed(said([], set_input("/deny/digests", [digest]))) == ["deny.digests"]
	}
	through := set_input("/artifact/reached_through", {"digest": "sha256:i", "media_type": "application/i"})
	failed(said(through, set_input("/deny/digests", ["sha256:i"]))) == ["deny.digests"]
	path := {"texts": ["**/model.bin"], "regexes": [`^(?:[^/]*/)*model\.bin$`]}
	failed(said([], set_input("/deny/paths", path))) == ["deny.paths"]
	every type in ["m", "a", "c", "x-raw"] {
		pattern := {"texts": [type], "regexes": [concat("", ["^application/", type, "$"])]}
		failed(said([], set_input("/deny/media_types", pattern))) == ["deny.media-types"]
	}
}

test_sizes if {
	said([], set_rule("max_size", 300)).allow == true
	failed(said([], set_rule("max_size", 299))) == ["max-size"]
	failed(said(set_input("/artifact/layers/0/size", -1000), set_rule("max_size", 300))) == ["max-size"]
	failed(said(set_input("/artifact/layers/0/size", "1"), set_rule("max_size", 300))) == ["max-size"]
}

test_something_must_be_left if {
	failed(said(set_input("/artifact/layers", []), [])) == ["layers"]
	failed(said(set_input("/artifact/layers", [layer(0, "a.pkl", "file")]), [])) == ["layers"]
	failed(said(set_input("/artifact/layers/0/index", 7), set_rule("exclude", {"texts": [], "regexes": []}))) == []
	said(set_input("/artifact/layers/0/index", 7), set_rule("exclude", {"texts": [], "regexes": []})).approved == [1, 2]
}

test_namespaces if {
	ml := {"texts": ["ml"], "regexes": ["^ml$"]}
	said([], set_rule("namespaces", ml)).allow == true
	failed(said(set_input("/request/namespace", null), set_rule("namespaces", ml))) == ["namespaces"]
	failed(said(set_input("/request/namespace", "mlx"), set_rule("namespaces", ml))) == ["namespaces"]
}

test_annotations if {
	said([], set_rule("annotations", {"licence": ["MIT", "Apache-2.0"]})).allow == true
	failed(said([], set_rule("annotations", {"licence": ["mit"]}))) == ["annotations"]
	failed(said([], set_rule("annotations", {"absent": ["x"]}))) == ["annotations"]
}

test_types if {
	raw := {"texts": ["raw"], "regexes": ["^application/x-raw$"]}
	said([], set_rule("media_types", raw)).allow == true
	failed(said([], set_rule("artifact_types", raw))) == ["artifact-types"]
	failed(said(set_input("/artifact/layers/2/folded/media_type", "application/y"), set_rule("media_types", raw))) == ["media-types"]
	failed(said([], set_rule("media_types", {"texts": [], "regexes": []}))) == ["media-types"]
}

test_only_the_types_that_fail_are_named if {
	raw := {"texts": ["raw"], "regexes": ["^application/x-raw$"]}
	other := [
		{"op": "replace", "path": "/artifact/layers/2/folded/media_type", "value": "application/y"},
		{"op": "replace", "path": "/artifact/layers/2/media_type", "value": "application/Y"},
	]
	[row.got | some row in said(other, set_rule("media_types", raw)).checks; row.id == "media-types"] == [["application/Y"]]
}

test_a_floor_needs_the_types_that_it_is_about if {
	floor := set_input("/deny/media_types", {"texts": ["x"], "regexes": ["^x$"]})
	said([], floor).allow == true
	failed(said(set_input("/artifact/folded/media_types", []), floor)) == ["deny.media-types"]
	failed(said(remove("/artifact/folded/media_types/0"), floor)) == ["deny.media-types"]
	failed(said(remove("/artifact/layers/0/folded/media_type"), floor)) == ["deny.media-types"]
}

test_an_empty_layer_has_a_size if {
	said(set_input("/artifact/layers/0/size", 0), set_rule("max_size", 200)).allow == true
	failed(said(set_input("/artifact/layers/0/size", 0), set_rule("max_size", 199))) == ["max-size"]
}
