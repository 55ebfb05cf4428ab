package sallyport

# An entry is what it asks for: its rule, reviewers and quorum. The same three in `input.approval.met` meet it.
demands contains {"rule": rule, "requirement": requirement, "ttl": ttl, "reason": reason_of(name, "require_approval", entry)} if {
	some name, entries in approval_sets
	some entry in entries
	rule := concat("/", [name, "require_approval", entry.code])
	ttl := object.get(entry, "ttl", "15m")
	requirement := {
		"rule": rule,
		"code": entry.code,
		"reviewers": entry.reviewers,
		"quorum": object.get(entry, "quorum", 1),
	}
}

unmet contains demand if {
	some demand in demands
	not granted(demand.requirement)
}

granted(requirement) if {
	some met in input.approval.met
	met.rule == requirement.rule
	met.reviewers == requirement.reviewers
	met.quorum == requirement.quorum
}

can_wait if {
	input.message.kind == "request"
	input.message.direction == "to_server"
	holdable(input.message.method)
}

holdable("tools/call")

holdable("resources/read")

holdable("prompts/get")

risk_needs_approval if {
	can_wait
	risk_points >= thresholds.approve
	not risk_granted
}

# The reviewers agreed to the risk that they saw, and to none above it.
risk_granted if {
	granted(risk_requirement)
	risk_points <= input.approval.risk
}

risk_requirement := {"rule": "sallyport/risk", "code": "risk", "reviewers": thresholds.reviewers, "quorum": 1}

pending contains unmet[_]

pending contains {"rule": "sallyport/risk", "requirement": risk_requirement, "ttl": "15m", "reason": risk_reason} if {
	risk_needs_approval
}

risk_reason := {
	"code": "risk",
	"message": sprintf("the risk is %v, and %v needs an approval", [risk_points, thresholds.approve]),
	"rule": "sallyport/risk",
}

requirements := sort({demand.requirement | some demand in pending})

pending_reasons contains pending[_].reason

pending_reasons contains reason if {
	risk_needs_approval
	some reason in risk_reasons
}

# The smallest counts, as its author wrote it.
lifetime := sort({[seconds(demand.ttl), demand.ttl] | some demand in pending})[0][1]

seconds(ttl) := to_number(trim_right(ttl, "smh")) * seconds_in[substring(ttl, count(ttl) - 1, 1)]

seconds_in := {"s": 1, "m": 60, "h": 3600}
