package sallyport_test

test_odd_verdicts_are_policy_errors if {
	odd := [
		{"allow": "yes"},
		{"deny": "text"},
		{"deny": true},
		{"deny": {"x"}},
		{"deny": {{"message": "no code"}}},
		{"deny": {{"code": ""}}},
		{"deny": {{"code": 7}}},
		{"deny": {{"code": "x", "message": 7}}},
		{"deny": {{"code": "x", "extra": 7}}},
		{"risk": ["x"]},
		{"risk": {{"code": "x"}}},
		{"risk": {{"code": "x", "points": "30"}}},
		{"risk": {{"code": "x", "points": -1}}},
		{"require_approval": {"x": 1}},
		{"require_approval": {{"code": "x"}}},
		{"require_approval": {{"code": "x", "reviewers": []}}},
		{"require_approval": {{"code": "x", "reviewers": "oncall"}}},
		{"require_approval": {{"code": "x", "reviewers": [""]}}},
		{"require_approval": {{"code": "x", "reviewers": [7]}}},
		{"require_approval": {{"code": "x", "reviewers": ["a"], "quorum": 0}}},
		{"require_approval": {{"code": "x", "reviewers": ["a"], "quorum": 1.5}}},
		{"require_approval": {{"code": "x", "reviewers": ["a"], "quorum": "1"}}},
		{"require_approval": {{"code": "x", "reviewers": ["a"], "ttl": "25h"}}},
		{"require_approval": {{"code": "x", "reviewers": ["a"], "ttl": "0m"}}},
		{"require_approval": {{"code": "x", "reviewers": ["a"], "ttl": 15}}},
		{"mask": ["x"]},
		{"mask": {"x"}},
		{"mask": {{"with": "x"}}},
		{"mask": {{"path": ""}}},
		{"mask": {{"path": "a"}}},
		{"mask": {{"path": "/~3"}}},
		{"mask": {{"path": "/~"}}},
		{"mask": {{"path": "/~~01"}}},
		{"mask": {{"path": 7}}},
		{"mask": {{"detector": "nothing"}}},
		{"mask": {{"detector": "email", "path": "a"}}},
		{"mask": {{"path": "/a", "with": {}}}},
		{"mask": {{"path": "/a", "with": []}}},
		{"mask": {{"path": "/a", "with": set()}}},
		{"mask": {{"path": "/a", "must": "no"}}},
		{"mask": {{"path": "/a", "code": ""}}},
		{"mask": {{"path": "/a", "code": 7}}},
		{"mask": {{"path": "/a", "message": 7}}},
		{"mask": {{"path": "/a", "extra": 7}}},
	]
	passed := [verdicts | some verdicts in odd; {code | some code in codes(decide(asked, verdicts))} != {"policy_error"}]
	passed == []
}

test_sound_verdicts_are_none if {
	sound := [
		{"deny": set(), "require_approval": set(), "risk": set(), "mask": set()},
		{"mask": {{"path": "/a/*/**/~0~1~2"}}},
		{"mask": {{"detector": "email"}}},
		{"mask": {{"detector": "email", "path": ""}}},
		{"mask": {{"detector": "email", "path": "/a", "with": 0, "must": true, "code": "x", "message": "y"}}},
		{"require_approval": {{"code": "x", "reviewers": ["a", "b"], "quorum": 2, "ttl": "24h", "message": "y"}}},
		{"require_approval": {{"code": "x", "reviewers": ["a"], "ttl": "86400s"}}},
		{"risk": {{"code": "x", "points": 0.5, "message": "y"}}},
	]
	refused := [verdicts | some verdicts in sound; decide(asked, verdicts).kind == "deny"]
	refused == []
}

test_detectors_are_those_of_the_build if {
	decision := data.sallyport.decision with input as answered
		with data.policies as policies({"mask": {{"detector": "badge"}}})
		with data.sallyport_build as {"detectors": ["badge"]}
	decision.kind == "mask"
}

test_no_policy_is_called_sallyport if {
	decision := data.sallyport.decision with input as asked with data.policies as {"sallyport": {"allow": true}}
	codes(decision) == ["policy_error"]
}

test_thresholds_are_looked_at if {
	odd := [
		{"approve": 90, "deny": 50},
		{"approve": -1},
		{"deny": 60},
		{"approve": "1"},
		{"deny": "200"},
		{"reviewers": []},
		{"reviewers": "oncall"},
		[],
	]
	passed := [thresholds |
		some thresholds in odd
		decision := data.sallyport.decision with input as asked
			with data.policies as policies({})
			with data.thresholds as thresholds
		codes(decision) != ["policy_error"]
	]
	passed == []
}
