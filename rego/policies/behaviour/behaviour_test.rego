package policies.behaviour_test

import data.policies.behaviour

question(now, session, annotations) := {"now": now, "session": session, "message": {"call": {"annotations": annotations}}}

quiet := {"denied": 0, "bytes_out": 0}

noon := "2026-11-21T12:00:00.000Z"

codes(entries) := {entry.code | some entry in entries}

test_a_quiet_day_has_no_points if {
	behaviour.risk == set() with input as question(noon, quiet, {})
}

test_after_hours if {
	every hour in ["21", "23", "00", "04"] {
		now := sprintf("2026-11-21T%s:00:00.000Z", [hour])
		codes(behaviour.risk) == {"after_hours"} with input as question(now, quiet, {})
	}
	behaviour.risk == set() with input as question("2026-11-21T20:59:59.999Z", quiet, {})
	behaviour.risk == set() with input as question("2026-11-21T05:00:00.000Z", quiet, {})
}

test_what_is_unusual if {
	codes(behaviour.risk) == {"many_denials"} with input as question(noon, {"denied": 21, "bytes_out": 0}, {})
	codes(behaviour.risk) == {"bulk_bytes"} with input as question(noon, {"denied": 0, "bytes_out": 60000000}, {})
	codes(behaviour.risk) == {"destructive_tool"} with input as question(noon, quiet, {"destructiveHint": true})
	behaviour.risk == set() with input as question(noon, quiet, {"destructiveHint": false})
}
