package policies.rules_test

import data.policies.rules

by_group := object.union(nobody, {"groups": {"oncall": true}})

by_address := object.union(nobody, {"by_address": true, "people": object.union(no_name, {"patterns": ["^ann@"]})})

by_account := object.union(nobody, {"accounts": [{"kind": "service", "provider": any_name, "subject": object.union(no_name, {"prefixes": ["repo:"]})}]})

any_name := object.union(no_name, {"all": true})

office := {"kind": "time", "zone": "UTC", "days": {"Sat": true}, "spans": [["08:00", "18:00"]]}

ann := {"kind": "person", "provider": "idp", "subject": "ann", "groups": ["oncall"], "email": "ann@example.com"}

robot := {"kind": "service", "provider": "ci", "subject": "repo:acme", "groups": []}

at_noon := "2026-11-21T12:00:00.000Z"

given(rule, actor, now) := roles if {
	all := [object.union({"roles": object.get(rule, "roles", {"reviewer": true}), "who": everyone, "unless": nobody, "conditions": []}, rule)]
	roles := rules.roles with input as {"actor": actor, "now": now} with data.rules as {"roles": all}
}

test_each_role_is_given if {
	every role in ["viewer", "reviewer", "auditor", "operator"] {
		given({"roles": {role: true}}, ann, at_noon) == {role}
	}
}

test_roles_are_for_those_who_are_named if {
	every who in [everyone, by_group, by_address] { given({"who": who}, ann, at_noon) == {"reviewer"} }
	every who in [everyone, by_account] { given({"who": who}, robot, at_noon) == {"reviewer"} }
	every who in [by_group, by_address] { given({"who": who}, robot, at_noon) == set() }
	given({"who": by_account}, ann, at_noon) == set()
	given({}, {"kind": "nobody", "groups": []}, at_noon) == set()
}

test_roles_are_not_for_those_who_may_be_left_out if {
	given({"unless": by_group}, ann, at_noon) == set()
	given({"unless": by_address}, object.remove(ann, ["email"]), at_noon) == set()
	given({"unless": by_address}, object.union(ann, {"email": "bo@example.com"}), at_noon) == {"reviewer"}
}

test_roles_have_their_hours if {
	inside := {"conditions": [object.union(office, {"inside": true})]}
	outside := {"conditions": [object.union(office, {"inside": false})]}
	given(inside, ann, at_noon) == {"reviewer"}
	given(outside, ann, at_noon) == set()
	given(inside, ann, "2026-11-21T20:00:00.000Z") == set()
	given(outside, ann, "2026-11-21T20:00:00.000Z") == {"reviewer"}
	every rule in [inside, outside] { given(rule, ann, "now") == set() }
}

test_what_no_module_adds_to_gives_nothing if {
	rules.gives(true)
	not rules.gives({"kind": "mood"})
}
