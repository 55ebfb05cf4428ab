package lint

# Builtins that have no answer for some values of the right type.
partial := {
	"to_number", "json.unmarshal", "yaml.unmarshal", "base64.decode", "base64url.decode", "hex.decode", "urlquery.decode",
	"urlquery.decode_object", "time.parse_ns", "time.parse_rfc3339_ns", "time.parse_duration_ns", "semver.compare", "units.parse",
	"units.parse_bytes", "net.cidr_contains", "net.cidr_intersects", "net.cidr_expand", "net.cidr_merge", "io.jwt.decode",
	"io.jwt.decode_verify", "crypto.x509.parse_certificates", "crypto.x509.parse_certificate_request", "json.patch",
	"graphql.parse", "graphql.parse_query", "div", "rem",
}

guards := {
	"json.unmarshal": "json.is_valid",
	"yaml.unmarshal": "yaml.is_valid",
	"base64.decode": "base64.is_valid",
	"semver.compare": "semver.is_valid",
	"net.cidr_contains": "net.cidr_is_valid",
	"net.cidr_intersects": "net.cidr_is_valid",
	"graphql.parse": "graphql.is_valid",
}

# METADATA
# title: A builtin that may have no answer
# description: |
#   Where a builtin cannot answer, the rule ends without a word, and what it should have refused passes. The check refuses this
#   for values of uncertain type; this rule looks at values of the right type that the builtin may still not understand.
# custom:
#   code: builtin_may_fail
#   level: error
#   remedy: "ask first whether it can be read (json.is_valid and its like) and write a second rule for what cannot, or ignore this rule with the reason why it always can"
found contains finding(rego.metadata.rule(), call.at, message) if {
	not input.test
	not startswith(input.rule.head.name, "allow")
	some call in calls
	call.name in partial
	not is_below_not(call)
	not always_answers(call)
	not is_guarded(call)
	message := sprintf("%s has no answer for some values, and then the rule says nothing", [shown(call.name)])
}

is_below_not(call) if {
	call.negated
	not call.nested
}

always_answers(call) if {
	every arg in call.args {
		arg.type in {"string", "number", "boolean", "null"}
	}
}

always_answers(call) if {
	call.name == "time.parse_rfc3339_ns"
	place_of(call.args[0]) == "input/now"
}

always_answers(call) if {
	call.name in {"div", "rem"}
	call.args[1].type == "number"
	call.args[1].value != 0
}

is_guarded(call) if {
	some guard in calls
	guard.name == guards[call.name]
	some arg in guard.args
	arg in call.args
}

shown(name) := object.get({"div": "`/`", "rem": "`%`"}, name, name)

# METADATA
# title: Left for debugging
# description: Nobody sees what a policy prints; the build leaves it out.
# custom:
#   code: print_left
#   level: warning
#   remedy: leave it out, or print in the test
found contains finding(rego.metadata.rule(), call.at, "nobody sees what a policy prints") if {
	not input.test
	some call in calls
	call.name in {"print", "internal.print"}
}

# METADATA
# title: A test that does not run
# description: OPA skips tests whose names begin with todo_test_.
# custom:
#   code: skipped_test
#   level: warning
#   remedy: finish the test, or leave it out
found contains finding(rego.metadata.rule(), input.rule.location, message) if {
	input.test
	startswith(input.rule.head.name, "todo_test_")
	message := sprintf("%s does not run", [input.rule.head.name])
}

# METADATA
# title: A refusal without words
# description: Who is refused, or waits, is shown a message or the title in METADATA; without either it is a code and nothing more.
# custom:
#   code: untitled
#   level: warning
#   remedy: "add a METADATA comment with a title above the rule, or a \"message\" to its object"
found contains finding(rego.metadata.rule(), input.rule.location, message) if {
	is_verdict
	input.rule.head.name in {"deny", "require_approval"}
	not is_titled
	not "message" in {pair[0].value | some pair in input.rule.head.key.value}
	message := "whoever meets this is shown a code and no word of why"
}

is_titled if {
	some note in input.rule.annotations
	note.title
}

# METADATA
# title: No condition at all
# description: A deny or require_approval without conditions meets every message, those that open a connection too.
# custom:
#   code: unconditional
#   level: warning
#   remedy: say which messages are meant
found contains finding(rego.metadata.rule(), input.rule.location, message) if {
	is_verdict
	input.rule.head.name in {"deny", "require_approval"}
	unconditional(input.rule.body)
	message := sprintf("this %s meets every message, those that open a connection too", [input.rule.head.name])
}
