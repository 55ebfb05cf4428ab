package policies.rules_test

import data.policies.rules

every_name := {"all": true, "exact": {}, "prefixes": [], "patterns": []}

names(exact, prefixes, patterns) := {"all": false, "exact": {name: true | some name in exact}, "prefixes": prefixes, "patterns": patterns}

no_name := names([], [], [])

nobody := {"everyone": false, "groups": {}, "people": no_name, "by_address": false, "accounts": []}

everyone := object.union(nobody, {"everyone": true})

group(name) := object.union(nobody, {"groups": {name: true}})

address(people) := object.union(nobody, {"people": people, "by_address": true})

account(kind, provider, subject) := object.union(nobody, {"accounts": [{"kind": kind, "provider": provider, "subject": subject}]})

listed(rules) := {"by_name": {}, "by_upstream": {}, "others": rules}

none := {"kinds": [], "allow": listed([]), "server": listed([]), "deny": listed([]), "require_approval": listed([]), "risk": listed([]), "mask": listed([])}

permission := {"id": "p", "who": everyone, "unless": nobody, "upstreams": every_name, "uses": {"tool": every_name}, "conditions": []}

reaching := {
	"id": "r", "concerns_all": false, "who": everyone, "unless": nobody, "upstreams": every_name, "anything": true, "uses": {},
	"directions": {"to_server": true}, "conditions": [], "entry": {"code": "r"},
}

deny(changes) := object.union(none, {"deny": listed([object.union(reaching, changes)])})

permit(changes) := object.union(none, {"allow": listed([object.union(permission, changes)])})

person := {"kind": "person", "provider": "okta", "subject": "ann", "groups": ["support"], "groups_known": true, "email": "Ann@Example.com"}

call(kind, name) := {
	"actor": person,
	"upstream": {"name": "crm"},
	"session": {"calls": 5},
	"message": {
		"direction": "to_server", "kind": "request", "method": "tools/call",
		"call": {"kind": kind, "name": name, "arguments": {}, "annotations": {}},
		"body": {"name": name},
	},
	"findings": [],
	"now": "2026-11-20T23:30:00.000Z",
}

answer := {
	"actor": person,
	"upstream": {"name": "crm"},
	"message": {"direction": "to_client", "kind": "result", "method": "tools/call", "body": {"content": []}},
	"request": {"call": {"kind": "tool", "name": "query", "arguments": {"limit": 7}, "annotations": {"safe": true}}},
}

of(actor) := object.union(call("tool", "query"), {"actor": object.union(person, actor)})

# Names.
test_names[note] if {
	some note, [set, name, want] in {
		"all": [every_name, "anything", true],
		"exact": [names(["query"], [], []), "query", true],
		"another": [names(["query"], [], []), "querying", false],
		"prefix": [names([], ["list_"], []), "list_all", true],
		"no prefix": [names([], ["list_"], []), "enlist_", false],
		"pattern": [names([], [], [`^a(?s:.*)z$`]), "abz", true],
		"no pattern": [names([], [], [`^a(?s:.*)z$`]), "ab", false],
	}
	fits(set, name) == want
}

fits(names, name) if rules.fits(names, name)

else := false

allows(question, document) if {
	rules.allow with input as question with data.rules as document
}

else := false

test_a_wildcard_lets_nothing_climb if {
	climbing := ["crm://a/../b", "crm://a/%2E%2e/b", "crm://a/..", `crm://a\..\b`, "../b", "crm://a%2f..%2Fb", "crm://a/./b", "crm://a/..?x"]
	every name in climbing {
		allows(call("resource", name), permit({"uses": {"resource": names([], ["crm://"], [])}})) == false
		allows(call("resource", name), permit({"uses": {"resource": names([], [], [`^(?s:.*)$`])}})) == false
		allows(call("resource", name), permit({"uses": {"resource": names([name], [], [])}}))
		allows(call("resource", name), permit({"uses": {"resource": every_name}}))
		denied(call("resource", name), deny({"anything": false, "uses": {"resource": names([], ["other://"], [])}}))
		denied(call("resource", name), deny({"anything": false, "uses": {"resource": names([], [], ["^other$"])}}))
		denied(call("resource", name), deny({"anything": false, "uses": {"resource": names(["crm://b"], [], [])}})) == false
	}
	every name in ["crm://a/b", "crm://a..b", "crm://a/...", "crm://a/.hidden"] {
		allows(call("resource", name), permit({"uses": {"resource": names([], ["crm://"], [])}}))
		denied(call("resource", name), deny({"anything": false, "uses": {"resource": names([], ["other://"], [])}})) == false
	}
}

denied(question, document) if {
	some entry in rules.deny with input as question with data.rules as document
	entry.code == "r"
}

else := false

# Who may use what.
test_allow_wants_server_thing_and_caller if {
	allows(call("tool", "query"), permit({}))
	allows(call("tool", "query"), permit({"upstreams": names(["crm"], [], []), "uses": {"tool": names(["query"], [], [])}}))
	allows(call("tool", "query"), permit({"upstreams": names(["files"], [], [])})) == false
	allows(call("tool", "query"), permit({"uses": {"tool": names(["other"], [], [])}})) == false
	allows(call("prompt", "query"), permit({})) == false
	allows(of({"kind": "nobody"}), permit({})) == false
	allows(call("tool", "query"), permit({"who": nobody})) == false
	allows(call("tool", "query"), permit({"unless": everyone})) == false
	allows(call("tool", "query"), permit({"conditions": [true]}))
	allows(call("tool", "query"), permit({"conditions": [false]})) == false
	allows(object.remove(call("tool", "query"), ["message"]), permit({})) == false
	allows({}, permit({})) == false
	allows(call("tool", "query"), {}) == false
}

asked(method, actor) := {"actor": object.union(person, actor), "upstream": {"name": "crm"}, "message": {"method": method}}

test_servers_may_ask_what_they_are_granted if {
	granted := object.union(none, {"server": listed([object.union(permission, {"methods": {"roots/list": true}})])})
	rules.allow_server with input as asked("roots/list", {}) with data.rules as granted
	not rules.allow_server with input as asked("sampling/createMessage", {}) with data.rules as granted
	not rules.allow_server with input as asked("roots/list", {"kind": "nobody"}) with data.rules as granted
}

# Whom a rule means.
test_callers_of_allow[note] if {
	some note, [who, actor, want] in {
		"a group": [group("support"), {}, true],
		"another group": [group("oncall"), {}, false],
		"groups that are no list": [group("support"), {"groups": "support"}, false],
		"an address": [address(names([], [], ["(?i)^ann@example.com$"])), {}, true],
		"a domain": [address(names([], [], [`(?i)^(?s:.*)@example\.com$`])), {}, true],
		"another address": [address(names(["bob@example.com"], [], [])), {}, false],
		"no address": [address(every_name), {"email": null}, false],
		"an address of a service": [address(every_name), {"kind": "service"}, false],
		"an account": [account("person", names(["okta"], [], []), names(["ann"], [], [])), {}, true],
		"an account elsewhere": [account("person", names(["other"], [], []), names(["ann"], [], [])), {}, false],
		"another account": [account("person", names(["okta"], [], []), names(["bob"], [], [])), {}, false],
		"an account of another kind": [account("service", every_name, every_name), {}, false],
	}
	allows(of(actor), permit({"who": who})) == want
}

# An exclusion from an allow holds for whoever may be meant, an exception from a deny only for whoever is.
test_unverified_addresses_count_against_their_owner if {
	ann := address(names([], [], ["(?i)^ann@example.com$"]))
	unverified := object.remove(of({}), ["actor"])
	without := object.union(unverified, {"actor": object.remove(person, ["email"])})
	allows(of({}), permit({"unless": ann})) == false
	allows(without, permit({"unless": ann})) == false
	allows(of({"email": "bob@example.com"}), permit({"unless": ann}))
	denied(of({}), deny({"who": ann}))
	denied(without, deny({"who": ann}))
	denied(of({"email": "bob@example.com"}), deny({"who": ann})) == false
	denied(of({}), deny({"unless": ann})) == false
	denied(without, deny({"unless": ann}))
	denied(object.union(without, {"actor": {"kind": "service"}}), deny({"who": ann})) == false
}

# What a rule is about.
test_reach[note] if {
	some note, [changes, question, want] in {
		"anything": [{}, {"message": {"direction": "to_server", "method": "ping"}, "upstream": {"name": "crm"}}, true],
		"the other direction": [{}, answer, false],
		"both directions": [{"directions": {"to_server": true, "to_client": true}}, answer, true],
		"another server": [{"upstreams": names(["files"], [], [])}, call("tool", "query"), false],
		"a tool": [{"anything": false, "uses": {"tool": names(["query"], [], [])}}, call("tool", "query"), true],
		"another tool": [{"anything": false, "uses": {"tool": names(["query"], [], [])}}, call("tool", "other"), false],
		"another kind": [{"anything": false, "uses": {"tool": every_name}}, call("prompt", "query"), false],
		"an answer's call": [{"anything": false, "uses": {"tool": names(["query"], [], [])}, "directions": {"to_client": true}}, answer, true],
		"no call": [{"anything": false, "uses": {"tool": every_name}}, {"message": {"direction": "to_server"}, "upstream": {"name": "crm"}}, false],
		"a condition that holds": [{"conditions": [true]}, call("tool", "query"), true],
		"everyone": [{"concerns_all": true, "unless": everyone}, call("tool", "query"), true],
		"one that does not": [{"conditions": [true, false]}, call("tool", "query"), false],
	}
	denied(question, deny(changes)) == want
}

test_only_what_is_used_waits if {
	document := object.union(none, {"require_approval": listed([reaching])})
	every method in ["tools/call", "resources/read", "prompts/get", "tasks/get"] {
		question := object.union(call("tool", "query"), {"message": {"method": method}})
		rules.require_approval == {{"code": "r"}} with input as question with data.rules as document
	}
	every method in ["ping", "completion/complete", "tools/list"] {
		question := object.union(call("tool", "query"), {"message": {"method": method}})
		rules.require_approval == set() with input as question with data.rules as document
	}
	listing := {"message": {"direction": "to_server", "method": "tasks/list"}, "upstream": {"name": "crm"}}
	rules.require_approval == set() with input as listing with data.rules as document
}

test_risk_and_masks_are_said_as_written if {
	risky := object.union(none, {"risk": listed([object.union(reaching, {"entry": {"code": "r", "points": 30}})])})
	rules.risk == {{"code": "r", "points": 30}} with input as call("tool", "query") with data.rules as risky
	entries := [{"code": "m", "detector": "email"}, {"code": "m", "path": "/a"}]
	masked := object.union(none, {"mask": listed([object.union(reaching, {"directions": {"to_server": false, "to_client": true}, "entries": entries})])})
	rules.mask == {entry | some entry in entries} with input as answer with data.rules as masked
	rules.mask == set() with input as call("tool", "query") with data.rules as masked
}

test_rules_are_found_by_name_and_by_server if {
	both := {"directions": {"to_server": true, "to_client": true}}
	named := object.union(none, {"deny": {"by_name": {"query": [object.union(reaching, both)]}}})
	every question in [call("tool", "query"), answer] { denied(question, named) }
	every question in [call("tool", "other"), {"message": {"direction": "to_server"}}] { denied(question, named) == false }
	served := object.union(none, {"deny": {"by_upstream": {"crm": [object.union(reaching, both)]}}})
	every question in [call("tool", "other"), answer] { denied(question, served) }
	denied(object.union(answer, {"upstream": {"name": "files"}}), served) == false
	denied({"message": {"direction": "to_server"}}, deny({}))
}

# What was not built as it should be is no set of objects, which breaks every decision.
test_rules_that_are_missing_deny if {
	every document in [{}, {"kinds": "groups"}] {
		some entry in rules.deny with input as call("tool", "query") with data.rules as document
		is_string(entry)
	}
}

test_a_kind_that_nobody_asks_about_denies if {
	rules.deny == {"nothing asks about conditions of the kind mood"} with input as {} with data.rules as object.union(none, {"kinds": ["mood", "text", "none"]})
	rules.deny == set() with input as {} with data.rules as object.union(none, {"kinds": [
		"groups", "people", "values", "annotation", "argument", "text", "finding", "recent", "time", "time_of_allow", "time_of_others", "roles", "groups_of_roles", "time_of_roles",
	]})
}
