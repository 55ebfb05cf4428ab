package sallyport_test

import data.sallyport

person := {"kind": "person", "subject": "ann", "issuer": "i", "provider": "p", "groups": ["support"], "groups_known": true, "claims": {}}

session := {"id": "ses_1", "started_at": "2026-11-21T00:00:00.000Z", "client": {}, "calls": 1, "denied": 0, "approvals": 0, "bytes_out": 0}

question(message, more) := object.union(
	{
		"actor": person,
		"upstream": {"name": "crm", "labels": {}},
		"session": session,
		"message": message,
		"entries": [],
		"findings": [],
		"now": "2026-11-21T12:00:00.000Z",
	},
	more,
)

call := {"kind": "tool", "name": "query", "arguments": {"sql": "SELECT 1"}, "annotations": {}, "template": false}

message(direction, kind, method, more) := object.union(
	{"direction": direction, "kind": kind, "method": method, "revision": "2025-11-25", "body": {}},
	more,
)

tool_call := message("to_server", "request", "tools/call", {"call": call, "body": {"name": "query", "arguments": call.arguments}})

asked := question(tool_call, {})

answered := question(message("to_client", "result", "tools/call", {}), {"request": tool_call})

policies(more) := {"crm": object.union({"allow": true}, more)}

decide(input_document, verdicts) := decision if {
	decision := sallyport.decision with input as input_document
		with data.policies as policies(verdicts)
		with data.thresholds as {"approve": 70, "deny": 100}
}

codes(decision) := [reason.code | some reason in decision.reasons]

# Order

test_allow_names_the_policy if {
	decide(asked, {}) == {
		"kind": "allow",
		"reasons": [{"code": "allowed", "rule": "crm/allow"}],
		"risk": 0,
		"listed": [],
	}
}

test_nothing_allows if {
	decision := decide(asked, {"allow": false, "deny": {{"code": "x"}}})
	decision.kind == "deny"
	decision.reasons == [{"code": "not_allowed", "message": "no policy allows this", "rule": "sallyport/not_allowed"}]
}

test_deny_before_approval_and_mask if {
	decision := decide(asked, {
		"deny": {{"code": "b", "message": "no"}, {"code": "a"}},
		"require_approval": {{"code": "c", "reviewers": ["oncall"]}},
		"mask": {{"path": "/x"}},
		"risk": {{"code": "r", "points": 80}},
	})
	decision == {
		"kind": "deny",
		"reasons": [{"code": "a", "rule": "crm/deny/a"}, {"code": "b", "message": "no", "rule": "crm/deny/b"}],
		"risk": 80,
		"listed": [],
		"mask": [{"path": "/x", "with": "[MASKED]", "must": false, "rule": "crm/mask"}],
	}
}

test_broken_before_all if {
	decision := decide(asked, {"allow": false, "deny": {"x"}})
	codes(decision) == ["policy_error"]
}

test_mask if {
	decision := decide(answered, {"mask": {
		{"path": "/structuredContent/ssn"},
		{"detector": "email", "with": null, "must": true, "code": "mail", "message": "mail is masked"},
	}})
	decision == {
		"kind": "mask",
		"reasons": [
			{"code": "mail", "message": "mail is masked", "rule": "crm/mask/mail"},
			{"code": "masked", "rule": "crm/mask"},
		],
		"mask": [
			{"path": "/structuredContent/ssn", "with": "[MASKED]", "must": false, "rule": "crm/mask"},
			{"detector": "email", "with": null, "must": true, "rule": "crm/mask/mail"},
		],
		"risk": 0,
		"listed": [],
	}
}

test_a_question_of_another_shape_denies if {
	codes(decide({}, {})) == ["groups_unknown"]
	codes(decide({"actor": person}, {})) == ["not_allowed"]
	codes(decide(question({"kind": "odd"}, {}), {})) == ["not_allowed"]
}

test_what_cannot_be_told_is_a_policy_error if {
	decision := sallyport.decision with input as asked
		with data.policies as policies({})
		with sallyport.allow_reasons as "no set"
	decision.kind == "deny"
	codes(decision) == ["policy_error"]
	odd := sallyport.decision with input as asked with data.policies as policies({}) with data.thresholds as 7
	codes(odd) == ["policy_error"]
	sallyport.thresholds == {"approve": 70, "deny": 100} with data.thresholds as 7
}

test_a_question_may_leave_out_what_it_has_not if {
	bare := object.remove(asked, ["actor", "session", "upstream", "now", "entries", "findings"])
	codes(decide(bare, {})) == ["groups_unknown"]
	known := object.union(bare, {"actor": {"kind": "person", "groups_known": true}})
	decide(known, {}).kind == "allow"
	about := sallyport.about({}) with input as {}
	about == {
		"actor": {"kind": "nobody", "groups": [], "groups_known": true},
		"upstream": {"name": "", "labels": {}},
		"session": {},
		"message": {},
		"now": "",
	}
}

# What varies

test_varying_sets_say_what_they_say_by_themselves if {
	said := sallyport.varying with input as asked
		with data.policies as {
			"crm": {"deny": {{"code": "a"}}, "require_approval": {demand}, "risk": {{"code": "b", "points": 1}}, "mask": "odd"},
			"quiet": {"deny": set(), "require_approval": set(), "risk": set(), "mask": set()},
			"settled": {"deny": {{"code": "c"}}},
		}
		with data.sallyport_build as {"varying": {verdict: ["crm", "quiet", "missing"] | some verdict in ["deny", "require_approval", "risk", "mask"]}}
	said == {
		["deny", "crm", {{"code": "a"}}],
		["require_approval", "crm", {demand}],
		["risk", "crm", {{"code": "b", "points": 1}}],
		["mask", "crm", "odd"],
	}
}

# Groups

test_unknown_groups_deny_all_but_housekeeping if {
	unsure := object.union(person, {"groups": [], "groups_known": false})
	codes(decide(object.union(asked, {"actor": unsure}), {})) == ["groups_unknown"]
	list := question(message("to_client", "result", "tools/list", {}), {
		"actor": unsure,
		"request": message("to_server", "request", "tools/list", {}),
		"entries": [{"kind": "tool", "name": "query", "annotations": {}, "template": false}],
	})
	decision := decide(list, {})
	decision.kind == "allow"
	decision.listed == []
}

test_unknown_groups_do_not_matter_to_policies_without_groups if {
	unsure := object.union(person, {"groups": [], "groups_known": false})
	decision := sallyport.decision with input as object.union(asked, {"actor": unsure})
		with data.policies as policies({})
		with data.sallyport_build as {"reads_groups": false}
	decision.kind == "allow"
}

# Risk

test_risk_at_the_threshold_denies if {
	decision := decide(asked, {"risk": {{"code": "a", "points": 60}, {"code": "b", "points": 40}}})
	decision.kind == "deny"
	decision.risk == 100
	codes(decision) == ["a", "b", "risk"]
}

test_risk_without_reviewers_denies if {
	decision := decide(asked, {"risk": {{"code": "a", "points": 70}}})
	decision.kind == "deny"
	codes(decision) == ["risk"]
}

with_reviewers(input_document, verdicts) := decision if {
	decision := sallyport.decision with input as input_document
		with data.policies as policies(verdicts)
		with data.thresholds as {"approve": 50, "deny": 90, "reviewers": ["oncall"]}
}

risky := {"risk": {{"code": "a", "points": 60}}}

test_risk_asks_for_an_approval if {
	decision := with_reviewers(asked, risky)
	decision.kind == "require_approval"
	decision.approval == {
		"ttl": "15m",
		"requirements": [{"rule": "sallyport/risk", "code": "risk", "reviewers": ["oncall"], "quorum": 1}],
	}
	codes(decision) == ["a", "risk"]
}

test_risk_is_not_held_where_nothing_can_wait if {
	with_reviewers(answered, risky).kind == "allow"
}

granted(risk) := object.union(asked, {"approval": {
	"id": "apr_1",
	"met": [{"rule": "sallyport/risk", "reviewers": ["oncall"], "quorum": 1}],
	"risk": risk,
	"granted_by": ["bob"],
	"at": "2026-11-21T12:00:00.000Z",
}})

test_granted_risk_counts_up_to_what_was_seen if {
	with_reviewers(granted(60), risky).kind == "allow"
	with_reviewers(granted(59), risky).kind == "require_approval"
}

# Approvals

demand := {"code": "bulk", "message": "much", "reviewers": ["oncall"], "ttl": "60m"}

test_approval_is_held if {
	decision := decide(asked, {
		"require_approval": {demand, {"code": "schema", "reviewers": ["dba"], "quorum": 2, "ttl": "2h"}},
		"mask": {{"path": "/x"}},
	})
	decision.kind == "require_approval"
	decision.approval == {
		"ttl": "60m",
		"requirements": [
			{"rule": "crm/require_approval/bulk", "code": "bulk", "reviewers": ["oncall"], "quorum": 1},
			{"rule": "crm/require_approval/schema", "code": "schema", "reviewers": ["dba"], "quorum": 2},
		],
	}
	count(decision.mask) == 1
	codes(decision) == ["bulk", "schema"]
}

met(requirement) := {"approval": {"id": "apr_1", "met": [requirement], "risk": 0, "granted_by": ["bob"], "at": "2026-11-21T12:00:00.000Z"}}

bulk_met := met({"rule": "crm/require_approval/bulk", "reviewers": ["oncall"], "quorum": 1})

test_a_met_entry_is_not_held_again if {
	decide(object.union(asked, bulk_met), {"require_approval": {demand}}).kind == "allow"
}

test_only_an_equal_entry_is_met if {
	others := {
		met({"rule": "crm/require_approval/other", "reviewers": ["oncall"], "quorum": 1}),
		met({"rule": "crm/require_approval/bulk", "reviewers": ["dba"], "quorum": 1}),
		met({"rule": "crm/require_approval/bulk", "reviewers": ["oncall"], "quorum": 2}),
	}
	every other in others {
		decision := decide(object.union(asked, other), {"require_approval": {demand}})
		decision.kind == "require_approval"
	}
}

test_a_new_entry_is_held_anew if {
	decision := decide(object.union(asked, bulk_met), {"require_approval": {demand, {"code": "new", "reviewers": ["oncall"]}}})
	[requirement.code | some requirement in decision.approval.requirements] == ["new"]
	decision.approval.ttl == "15m"
}

test_answers_cannot_be_held if {
	decision := decide(answered, {"require_approval": {demand}})
	decision.kind == "deny"
	codes(decision) == ["approval_impossible"]
}

test_answers_of_a_released_call_pass if {
	decide(object.union(answered, bulk_met), {"require_approval": {demand}}).kind == "allow"
}

test_three_methods_can_wait if {
	every method, kind in {"resources/read": "resource", "prompts/get": "prompt", "tools/call": "tool"} {
		held := question(message("to_server", "request", method, {"call": object.union(call, {"kind": kind})}), {})
		decision := decide(held, {"require_approval": {demand}})
		decision.kind == "require_approval"
	}
}

test_nothing_else_can_wait if {
	listing := question(message("to_server", "request", "tools/list", {}), {})
	decision := decide(listing, {"require_approval": {demand}})
	codes(decision) == ["approval_impossible"]
}
