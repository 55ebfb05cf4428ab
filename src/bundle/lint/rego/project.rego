package lint

# `input` of `project` is `{rules, data, comments, found}`: the facts of every rule with its file, the data, the comments of each
# file by line, and what was found in single rules. `path` in a finding names a place in the data.
project := {finding_of |
	some finding_of in array.concat(input.found, [one | some one in together])
	not is_ignored(finding_of)
} | complaints

at_rule(note, fact, message) := object.union(finding(note, fact, message), {"file": fact.file})

by_name[fact.name] contains fact if some fact in input.rules

graph_of := {name: {to | some fact in facts_of_name; some to in fact.refers} | some name, facts_of_name in by_name}

# A rule and all that it refers to.
reached_from(fact) := {fact} | {other | some name in graph.reachable(graph_of, {to | some to in fact.refers}); some other in by_name[name]}

mentioned := {name | some fact in input.rules; some name in fact.mentions}

referred := {name | some fact in input.rules; some name in fact.refers}

verdict_of(fact) := name if {
	not fact.test
	parts := split(fact.name, "/")
	count(parts) == 3
	name := parts[2]
	name in verdicts
	fact.sort != "default"
}

# METADATA
# title: An approval for everything
# description: Only calls, reads and prompts can wait. On everything else the entry refuses, so whoever meets it cannot even connect.
# custom:
#   code: approval_everywhere
#   level: warning
#   remedy: name the method, the tool or the resource in the rule
together contains at_rule(rego.metadata.rule(), fact, message) if {
	some fact in input.rules
	verdict_of(fact) == "require_approval"
	not reads_any(reached_from(fact), {"input/message/method", "input/message/call"})
	message := "this asks for approval whatever the message is, and messages that cannot wait are refused"
}

# METADATA
# title: Anybody may
# description: A permission that does not look at who asks.
# custom:
#   code: allow_anybody
#   level: warning
#   remedy: ask for a group (sallyport.in_group), or ignore this rule with the reason why everybody may
together contains at_rule(rego.metadata.rule(), fact, message) if {
	some fact in input.rules
	verdict_of(fact) in {"allow", "allow_server", "allow_other"}
	reached := reached_from(fact)
	not reads_any(reached, {"input/actor"})
	not asks_for_group(reached)
	message := sprintf("this %s does not look at who asks", [verdict_of(fact)])
}

asks_for_group(reached) if {
	some fact in reached
	"sallyport/in_group" in fact.refers
}

reads_any(reached, wanted) if {
	some fact in reached
	some place in fact.reads
	some want in wanted
	startswith(place, want)
}

# METADATA
# title: No value without a default
# description: Where none of its conditions holds such a rule has no value, and the rule that uses it says nothing.
# custom:
#   code: missing_default
#   level: warning
#   remedy: "write `default name := …`, or a last `else := …`"
together contains at_rule(rego.metadata.rule(), first, message) if {
	some name, facts_of_name in by_name
	some first in facts_of_name
	first.sort == "value"
	not first.test
	not some_total(facts_of_name)
	every other in facts_of_name {
		other.row >= first.row
	}
	message := sprintf("%s has no value where none of its conditions holds", [concat(".", split(name, "/"))])
}

some_total(facts_of_name) if {
	some fact in facts_of_name
	fact.sort == "default"
}

some_total(facts_of_name) if {
	some fact in facts_of_name
	fact.total
}

# METADATA
# title: A rule that no test uses
# description: What the check refuses in policies is a leftover in tests.
# custom:
#   code: unused_rule
#   level: warning
#   remedy: leave it out, or begin its name with test_ if it is a test
together contains at_rule(rego.metadata.rule(), fact, message) if {
	some fact in input.rules
	fact.test
	parts := split(fact.name, "/")
	name := parts[count(parts) - 1]
	not startswith(name, "test_")
	not startswith(name, "todo_test_")
	not fact.name in mentioned
	message := sprintf("no test refers to %s", [name])
}

# METADATA
# title: A pattern elsewhere that RE2 cannot read
# description: As for patterns in variables, for those in rules and data.
# custom:
#   code: unreadable_pattern
#   level: error
#   remedy: "patterns are RE2: no look-around, no back-references (github.com/google/re2/wiki/Syntax)"
together contains object.union(finding(rego.metadata.rule(), pattern.at, message), {"file": fact.file}) if {
	some fact in input.rules
	some pattern in fact.patterns
	some text in texts_at(pattern.from)
	not regex.is_valid(text)
	message := sprintf("%q, from data.%s, is no pattern that can be read", [text, concat(".", split(pattern.from, "/"))])
}

texts_at(name) := {text | some fact in by_name[name]; some text in fact.texts} | {text |
	walk(object.get(input.data, split(name, "/"), null), [path, text])
	count(path) < 2
	is_string(text)
}

# Something in there is read.
is_read(path) if concat("/", path) in mentioned

# What the library and the gateway's own policies read.
reserved := {"thresholds", "rules", "sallyport_build"}

# METADATA
# title: Data that nobody reads
# description: No rule and no test refers to it. It may be a slip in a name, and what it should say is not said.
# custom:
#   code: unread_data
#   level: warning
#   remedy: correct the name, or leave the data out
together contains object.union(finding(rego.metadata.rule(), {"row": 0, "col": 0}, message), {"file": "", "path": path}) if {
	some path in unread
	message := sprintf("nobody reads data.%s", [concat(".", path)])
}

unread contains [key] if {
	some key, _ in input.data
	not key in reserved
	not is_read([key])
}

unread contains [key, inner] if {
	some key, value in input.data
	not key in reserved
	is_read([key])
	not key in referred
	is_object(value)
	some inner, _ in value
	not is_read([key, inner])
}
