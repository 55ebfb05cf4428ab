package sallyport

default allowed := false

allowed if {
	count(answered) > 0
	every ask in answered { holds(ask.answers) }
}

holds(answers) if {
	some name
	answers[name] == true
}

answered := [{"verdict": ask.verdict, "answers": answers(ask.verdict, about(ask.message))} | some ask in asks]

answers("allow", question) := {name: answer | answer := data.policies[name].allow with input as question}

answers("allow_server", question) := {name: answer | answer := data.policies[name].allow_server with input as question}

answers("allow_other", question) := {name: answer | answer := data.policies[name].allow_other with input as question}

answers("none", _) := {}

allow_reasons contains {"code": "allowed", "rule": concat("/", [name, ask.verdict])} if {
	some ask in answered
	some name, true in ask.answers
}

# An entry is listed if and only if the request that would use it is allowed.
default listed := []

# METADATA
# custom:
#   reads: [/entries/*/kind, /entries/*/name]
listed := [index |
	some index, entry in input.entries
	ask := ask_to_use(entry)
	ask.verdict == "allow"
	holds(answers("allow", about(ask.message)))
] if {
	groups_settled
}

default housekeeping := false

housekeeping if {
	count(asks) > 0
	every ask in asks {
		ask.verdict == "allow"
		is_housekeeping(ask.message.method)
	}
}

# The question without what was said: no arguments, body, findings, approval or request. Of what is only handed over, here and in
# asks.rego, `custom.reads` names what is read in any case; the rest the build finds in the policies.
about(message) := {"actor": actor, "upstream": upstream, "session": session, "message": message, "now": now}

default actor := {"kind": "nobody", "groups": [], "groups_known": true}

# METADATA
# custom:
#   reads: []
actor := input.actor

default upstream := {"name": "", "labels": {}}

# METADATA
# custom:
#   reads: []
upstream := input.upstream

default session := {}

# METADATA
# custom:
#   reads: []
session := input.session

default now := ""

# METADATA
# custom:
#   reads: []
now := input.now
