package sallyport

# METADATA
# title: Policy error
# description: A policy said something that has no meaning, or could not be asked. Nothing passes until it is mended.
# custom:
#   remedy: Mend the policy or the data that the message names; `sallyport policy check` finds most of these before they are active.
#   severity: high
faults contains {"code": "policy_error", "message": text, "rule": "sallyport/policy_error"} if some text in broken

# METADATA
# title: Groups unknown
# description: The identity provider left the caller's groups out, and the policy depends on groups.
# custom:
#   remedy: Let the identity provider send fewer groups (only those assigned to the application), or have them looked up.
#   severity: medium
ignorance contains {
	"code": "groups_unknown",
	"message": "your groups are not known to the gateway, and the policy depends on them",
	"rule": "sallyport/groups_unknown",
} if {
	not groups_settled
	not housekeeping
}

groups_settled if input.actor.groups_known == true

groups_settled if data.sallyport_build.reads_groups == false

# METADATA
# title: Not allowed
# description: No policy allows this caller to use this. To the caller it does not exist.
# custom:
#   remedy: Add an `allow` rule for the caller's group, if it should be usable.
#   severity: low
strangeness contains {"code": "not_allowed", "message": "no policy allows this", "rule": "sallyport/not_allowed"} if {
	not allowed
}

# METADATA
# title: Risk
# description: The points of the risk rules that hold add up to the threshold at which a message is refused.
# custom:
#   remedy: See the risk rules beside this reason; the thresholds stand in `data.thresholds`.
#   severity: high
danger contains {"code": "risk", "message": text, "rule": "sallyport/risk"} if {
	is_refused_risk
	text := sprintf("the risk is %v, and %v is refused", [risk_points, thresholds.deny])
}

danger contains {"code": "risk", "message": text, "rule": "sallyport/risk"} if {
	risk_needs_approval
	not is_refused_risk
	not thresholds.reviewers
	text := "the risk calls for an approval, and data.thresholds.reviewers names nobody who could give it"
}

danger contains reason if {
	is_refused_risk
	some reason in risk_reasons
}

is_refused_risk if risk_points >= thresholds.deny

# METADATA
# title: Approval impossible
# description: A policy demands an approval of something that cannot be held; only tools/call, resources/read and prompts/get can.
# custom:
#   remedy: Let the rule test `input.message.method`, or make it a `deny`.
#   severity: medium
impossible contains {
	"code": "approval_impossible",
	"message": sprintf("%s asks for an approval, which this message cannot wait for", [entry.rule]),
	"rule": "sallyport/approval_impossible",
} if {
	not can_wait
	some entry in unmet
}
