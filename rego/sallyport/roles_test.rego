package sallyport_test

import data.sallyport

giving := {"desk": {"roles": {"reviewer"}}, "audit": {"roles": {"auditor", "viewer"}}, "crm": {"allow": true}}

knowing(known) := {"actor": {"kind": "person", "groups": [], "groups_known": known}, "now": "2026-01-01T00:00:00.000Z"}

test_roles_of_all_policies_are_gathered if {
	sallyport.admin == {"reviewer", "auditor", "viewer"} with input as knowing(true) with data.policies as giving
}

test_nobody_has_a_role_that_no_policy_gives if {
	sallyport.admin == set() with input as knowing(true) with data.policies as {"crm": {"allow": true}}
}

test_unknown_groups_give_no_role_where_they_are_read if {
	sallyport.admin == set() with input as knowing(false) with data.policies as giving
	sallyport.admin == set() with input as {} with data.policies as giving
	sallyport.admin == set() with input as knowing(false) with data.policies as giving with data.sallyport_build as {"roles_read_groups": true}
	sallyport.admin == {"reviewer", "auditor", "viewer"} with input as knowing(false) with data.policies as giving with data.sallyport_build as {"roles_read_groups": false}
}
