# METADATA
# title: YAML rules
# description: |
#   What `rules.yaml` says. The build checks the file and writes it to `data.rules`; these modules ask it about a message.
#   Each kind of condition has a module of its own, and only those that the rules need are compiled, so that a decision
#   depends on no more of the message than its rules do. What narrows an `allow` must be certain, what narrows any other
#   rule need only be possible.
package policies.rules

# METADATA
# title: Allowed by a rule
# description: A rule under `allow` names the caller, the server and the tool, prompt or resource.
# custom:
#   remedy: Add a rule under `allow` in rules.yaml, if it should be usable.
#   severity: low
allow if {
	some rule in candidates(data.rules.allow, input.message.call.name)
	fits(rule.upstreams, input.upstream.name)
	certainly_names(rule.uses[input.message.call.kind], input.message.call.name)
	among(rule.who)
	not perhaps_among(rule.unless)
	every condition in rule.conditions { permits(condition) }
}

# METADATA
# title: Servers may ask
# description: A rule under `allow` says with `server_may` what a server may ask of the caller's client.
# custom:
#   remedy: Add `server_may` to a rule under `allow` in rules.yaml, if the server should be able to ask.
#   severity: low
allow_server if {
	some rule in candidates(data.rules.server, "")
	rule.methods[input.message.method]
	fits(rule.upstreams, input.upstream.name)
	among(rule.who)
	not perhaps_among(rule.unless)
	every condition in rule.conditions { permits(condition) }
}

deny contains rule.entry if {
	some rule in candidates(data.rules.deny, call_name)
	applies(rule)
}

# What is no object breaks the decision, and nothing passes.
deny contains "rules.yaml was not built into data.rules" if not is_built

is_built if is_array(data.rules.kinds)

deny contains concat(" ", ["nothing asks about conditions of the kind", kind]) if {
	some kind in data.rules.kinds
	not handled[kind]
}

require_approval contains rule.entry if {
	is_use
	some rule in candidates(data.rules.require_approval, call_name)
	applies(rule)
}

risk contains rule.entry if {
	some rule in candidates(data.rules.risk, call_name)
	applies(rule)
}

mask contains entry if {
	some rule in candidates(data.rules.mask, call_name)
	reaches(rule)
	some entry in rule.entries
}

# Rules stand by the names that they are about, where these are written out, else by their servers, so that few of many are asked.
candidates(rules, name) := array.concat(
	array.concat(object.get(rules.by_name, name, []), object.get(rules.by_upstream, upstream_name, [])),
	rules.others,
)

default upstream_name := ""

upstream_name := input.upstream.name

applies(rule) if {
	reaches(rule)
	every condition in rule.conditions { holds(condition) }
}

reaches(rule) if {
	rule.directions[input.message.direction]
	fits(rule.upstreams, upstream_name)
	is_about(rule)
	concerns(rule)
}

is_about(rule) if {
	rule.anything
} else if {
	perhaps_names(rule.uses[call_kind], call_name)
}

concerns(rule) if {
	rule.concerns_all
} else if {
	perhaps_among(rule.who)
	not among(rule.unless)
}

# Of an answer, the call that it answers.
call_kind := kind if {
	kind := input.message.call.kind
} else := kind if {
	kind := input.request.call.kind
}

call_name := name if {
	name := input.message.call.name
} else := name if {
	name := input.request.call.name
} else := ""

# An approval is for what is used, and for the tasks that come of it. Only these can wait.
is_use if input.message.method in {"tools/call", "resources/read", "prompts/get"}

is_use if {
	startswith(input.message.method, "tasks/")
	input.message.call.kind
}

# Names as they were written: every one, some, those that begin so, those of a pattern.
fits(names, name) if {
	names.exact[name]
} else if {
	names.all
} else if {
	some prefix in names.prefixes
	startswith(name, prefix)
} else if {
	some pattern in names.patterns
	regex.match(pattern, name)
}

# A name that climbs (`a/../b`) may mean another place than the one it is spelt like: no wildcard lets it pass, and every
# wildcard catches it.
certainly_names(names, name) if {
	fits(names, name)
	not climbs(name)
}

certainly_names(names, _) if names.all

certainly_names(names, name) if names.exact[name]

perhaps_names(names, name) if fits(names, name)

perhaps_names(names, name) if {
	count(names.prefixes) + count(names.patterns) > 0
	climbs(name)
}

climbs(name) if regex.match(`(?i)(^|[/\\]|%2f|%5c)(\.|%2e){1,2}([/\\?#]|%2f|%5c|$)`, name)

# The modules beside this one add who is meant by groups and by names.
among(who) if {
	who.everyone
	input.actor.kind != "nobody"
}

perhaps_among(who) if who.everyone

perhaps_among(who) if among(who)

# The modules beside this one add what their kinds of conditions mean.
permits(true)

holds(true)

handled contains "none"
