# METADATA
# title: Sallyport
# description: |
#   Gathers what the policies say about one message and answers with one decision. Policies are the packages
#   `policies.<name>`; of each, `allow`, `allow_server`, `allow_other`, `deny`, `require_approval`, `risk` and `mask` are read.
#
#   The build adds one document beside the data of the source, `sallyport_build`:
#     reads_groups  whether any policy reads `input.actor.groups` (taken as true where it is missing)
#     roles_read_groups  whether any rule that gives roles reads `input.actor.groups` (taken as true where it is missing)
#     detectors     the names of the detectors that the gateway runs (the shipped ones where it is missing)
#   The data of the source may have `thresholds {approve, deny, reviewers}`.
package sallyport

# METADATA
# title: Decision
# description: One decision about one message. Anything that cannot be told is a denial.
# entrypoint: true
default decision := {
	"kind": "deny",
	"reasons": [{
		"code": "policy_error",
		"message": "the policies could not be asked about this message",
		"rule": "sallyport/policy_error",
	}],
	"risk": 0,
	"listed": [],
}

decision := denied(faults) if {
	count(faults) > 0
} else := refused(ignorance) if {
	count(ignorance) > 0
} else := refused(strangeness) if {
	count(strangeness) > 0
} else := refused(denials) if {
	count(denials) > 0
} else := refused(danger) if {
	count(danger) > 0
} else := refused(impossible) if {
	count(impossible) > 0
} else := {
	"kind": "require_approval",
	"reasons": sort(pending_reasons),
	"mask": masks,
	"approval": {"ttl": lifetime, "requirements": requirements},
	"risk": risk_points,
	"listed": listed,
} if {
	count(requirements) > 0
} else := {
	"kind": "mask",
	"reasons": sort(mask_reasons),
	"mask": masks,
	"risk": risk_points,
	"listed": listed,
} if {
	count(masks) > 0
} else := {
	"kind": "allow",
	"reasons": sort(allow_reasons),
	"risk": risk_points,
	"listed": listed,
}

# What a mask covers is covered in the record of a refusal too.
refused(reasons) := object.union(denied(reasons), {"mask": masks})

denied(reasons) := {
	"kind": "deny",
	"reasons": sort(reasons),
	"risk": risk_points,
	"listed": [],
}
