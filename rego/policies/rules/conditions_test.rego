package policies.rules_test

import data.policies.rules

# What is missing or of another type is found by every test but those that ask what is there.
test_values[note] if {
	some note, [test, value, want] in {
		"above: more": ["above", [10, 11], true], "above: as much": ["above", [10, 10], false],
		"above: a text": ["above", [10, "5"], true], "above: nothing": ["above", [10, null], true],
		"below: less": ["below", [1, 0], true], "below: as much": ["below", [1, 1], false],
		"below: a text": ["below", [1, "5"], true], "below: nothing": ["below", [1, null], true],
		"is: it": ["is", [["a", 1], 1], true], "is: another": ["is", [["a"], "b"], false], "is: nothing": ["is", [["a"], null], false],
		"is: a list": ["is", [["a"], ["a"]], true], "is: an object": ["is", [["a"], {"a": 1}], true],
		"is_not: it": ["is_not", [["a", null], "a"], false], "is_not: another": ["is_not", [["a"], "b"], true],
		"is_not: nothing": ["is_not", [["a"], null], true], "is_not: a list": ["is_not", [["a"], ["a"]], true],
		"contains: a word": ["contains", [["(?i)drop", "(?i)cut"], "x DROP y"], true], "contains: another": ["contains", [["(?i)drop"], "select"], false],
		"contains: a list": ["contains", [["(?i)drop"], ["select"]], true], "contains: nothing": ["contains", [["(?i)drop"], null], true],
		"matches: fits": ["matches", [["^a", "^b"], "bc"], true], "matches: does not": ["matches", [["^a", "^b"], "cb"], false],
		"matches: a list": ["matches", [["^a"], ["b"]], true], "matches: no pattern": ["matches", [["("], "b"], true],
		"not_matches: fits": ["not_matches", [["^a", "^b"], "bc"], false], "not_matches: does not": ["not_matches", [["^a"], "b"], true],
		"not_matches: a list": ["not_matches", [["^a"], ["a"]], true], "not_matches: no pattern": ["not_matches", [["("], "("], true],
		"longer_than: text": ["longer_than", [2, "abc"], true], "longer_than: short text": ["longer_than", [2, "ab"], false],
		"longer_than: list": ["longer_than", [0, [1]], true], "longer_than: nothing": ["longer_than", [0, null], true],
		"given: yes": ["given", [true, 0], true], "given: no": ["given", [true, null], false],
		"not given: yes": ["given", [false, null], true], "not given: no": ["given", [false, false], false],
	}
	finds({test: value[0]}, value[1]) == want
}

finds(tests, value) if not rules.misses(tests, value)

else := false

holds(condition, question) if {
	rules.holds(condition) with input as question
}

else := false

permits(condition, question) if {
	rules.permits(condition) with input as question
}

else := false

with_arguments(arguments) := object.union(call("tool", "query"), {"message": {"call": {"arguments": arguments}}})

test_arguments if {
	limit := {"kind": "argument", "path": ["limit"], "tests": {"above": 5, "below": 10}}
	holds(limit, with_arguments({"limit": 7}))
	holds(limit, with_arguments({"limit": 11})) == false
	holds(limit, with_arguments({}))
	holds(limit, answer)
	deep := {"kind": "argument", "path": ["filter", "by", "id"], "tests": {"is": [1]}}
	holds(deep, with_arguments({"filter": {"by": {"id": 1}}}))
	holds(deep, with_arguments({"filter": {"by": [1]}})) == false
	missing := {"kind": "argument", "path": ["filter", "by"], "tests": {"is_not": [1]}}
	holds(missing, with_arguments({"filter": 1}))
	holds(missing, with_arguments({"filter": {"by": 1}})) == false
}

test_annotations if {
	unsafe := {"kind": "annotation", "name": "safe", "tests": {"is_not": [true]}}
	holds(unsafe, call("tool", "query"))
	holds(unsafe, answer) == false
	holds(unsafe, {"message": {"call": {"kind": "tool", "name": "odd"}}})
	holds(unsafe, {"message": {"call": {"kind": "tool", "annotations": [true]}}})
	holds(unsafe, {"message": {"method": "ping"}}) == false
	safe := {"kind": "annotation", "name": "safe", "values": [true]}
	permits(safe, object.union(call("tool", "query"), {"message": {"call": {"annotations": {"safe": true}}}}))
	permits(safe, object.union(call("tool", "query"), {"message": {"call": {"annotations": {"safe": "true"}}}})) == false
	permits(safe, call("tool", "query")) == false
	permits(safe, answer) == false
}

said(body) := {"message": {"body": body}}

test_texts_are_looked_for_everywhere if {
	words := {"kind": "text", "patterns": ["(?i)drop table", "^AKIA"]}
	every body in [{"a": "DROP TABLE x"}, {"a": [{"b": "x drop table"}]}, {"Drop Table": 1}, {"a": "AKIA123"}, {"AKIA1": null}, "drop table"] {
		holds(words, said(body))
	}
	every body in [{"a": "drop"}, {"a": ["drop", "table"]}, {"a": 1}, {"a": "x AKIA"}, null, {}] {
		holds(words, said(body)) == false
	}
	holds({"kind": "text", "patterns": ["("]}, said({"a": "b"}))
}

found(detector) := {"findings": [{"detector": "email"}, {"detector": detector}]}

test_findings if {
	keys := {"kind": "finding", "detectors": {"api_key": true, "private_key": true}}
	holds(keys, found("api_key"))
	holds(keys, found("jwt")) == false
	holds(keys, {"findings": []}) == false
}

test_recent_traffic if {
	many := {"kind": "recent", "counter": "calls", "above": 4}
	holds(many, call("tool", "query"))
	holds({"kind": "recent", "counter": "calls", "above": 5}, call("tool", "query")) == false
	holds({"kind": "recent", "counter": "denied", "above": 5}, call("tool", "query"))
	holds({"kind": "recent", "counter": "denied", "above": 5}, {})
}

# 2026-11-20 is a Friday; Berlin is an hour ahead of UTC in winter and two in summer.
friday := {"kind": "time", "inside": true, "zone": "UTC", "days": {"Fri": true}, "spans": [["00:00", "06:00"], ["23:00", "24:00"]]}

at(time) := object.union(call("tool", "query"), {"now": time})

test_times[note] if {
	some note, [condition, time, inside] in {
		"in the first span": [friday, "2026-11-20T05:59:59.999Z", true],
		"after it": [friday, "2026-11-20T06:00:00.000Z", false],
		"in the second": [friday, "2026-11-20T23:30:00.000Z", true],
		"the day before": [friday, "2026-11-19T23:30:00.000Z", false],
		"already tomorrow in Berlin": [object.union(friday, {"zone": "Europe/Berlin"}), "2026-11-20T23:30:00.000Z", false],
		"an hour ahead in winter": [object.union(friday, {"zone": "Europe/Berlin"}), "2026-11-20T05:30:00.000Z", false],
		"a minute before": [object.union(friday, {"zone": "Europe/Berlin"}), "2026-11-20T04:59:00.000Z", true],
		"two in summer": [object.union(friday, {"zone": "Europe/Berlin"}), "2026-07-17T04:30:00.000Z", false],
	}
	outside := object.union(condition, {"inside": false})
	holds(condition, at(time)) == inside
	permits(condition, at(time)) == inside
	holds(outside, at(time)) == inside == false
	permits(outside, at(time)) == inside == false
}

test_a_time_that_is_none_opens_nothing if {
	outside := object.union(friday, {"inside": false})
	every time in ["", "yesterday", 5, null] {
		holds(friday, at(time))
		holds(outside, at(time))
		permits(friday, at(time)) == false
		permits(outside, at(time)) == false
	}
	holds(object.union(friday, {"zone": "Nowhere/Land"}), at("2026-11-20T05:30:00.000Z"))
	permits(object.union(outside, {"zone": "Nowhere/Land"}), at("2026-11-20T05:30:00.000Z")) == false
}
