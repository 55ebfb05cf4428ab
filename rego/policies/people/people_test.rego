package policies.people_test

import data.policies.people

given_to(groups) := roles if {
	roles := people.roles with input as {"actor": {"kind": "person", "groups": groups, "groups_known": true}, "now": "2026-01-01T00:00:00.000Z"}
}

test_each_group_has_its_role if {
	given_to(["oncall"]) == {"reviewer"}
	given_to(["audit", "support"]) == {"auditor"}
}

test_nobody_else_has_one if given_to(["support", "ci"]) == set()
