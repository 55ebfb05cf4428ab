package policies.protocol_test

import data.policies.protocol

question(kind, method) := {"actor": {"kind": kind}, "message": {"method": method}}

test_everybody_known_keeps_house if {
	every method in ["initialize", "ping", "server/discover", "tools/list", "notifications/progress"] {
		protocol.allow with input as question("service", method)
	}
}

test_nobody_does_nothing if {
	not protocol.allow with input as question("nobody", "ping")
}

test_calls_are_no_housekeeping if {
	every method in ["tools/call", "completion/complete", "resources/read", "prompts/get", "tasks/get", "resources/subscribe"] {
		not protocol.allow with input as question("person", method)
	}
}
