package lint

# What the other rules need to know of this one.
facts := {
	"name": concat("/", array.concat(input["package"], [step.value | some step in input.rule.head.ref])),
	"row": input.rule.location.row,
	"col": input.rule.location.col,
	"test": input.test,
	"sort": sort_of_rule,
	"total": is_total,
	"reads": reads,
	"refers": refers,
	"mentions": mentions,
	"texts": texts,
	"patterns": patterns_elsewhere,
}

all_places := {place | some node in nodes; place := place_of(node)}

reads := {place | some place in all_places; startswith(place, "input/")}

# By the name of a rule or the place of data; from the first step on that is only known later, everything is meant.
refers := {trim_prefix(split(place, "/*")[0], "data/") | some place in all_places; startswith(place, "data/")}

# What is referred to, with everything above it.
mentions := {concat("/", array.slice(steps, 0, length)) |
	some to in refers
	steps := split(to, "/")
	some length in numbers.range(1, count(steps))
}

default sort_of_rule := "value"

sort_of_rule := "default" if {
	input.rule["default"]
} else := "set" if {
	input.rule.head.key
} else := "true" if {
	not input.rule["else"]
	input.rule.head.value == {"type": "boolean", "value": true}
}

# A rule that has a value whatever is asked.
default is_total := false

is_total if {
	some branch in branches
	unconditional(branch.body)
	every arg in object.get(input.rule.head, "args", []) {
		arg.type == "var"
	}
}

branches := [node | some node in nodes; node.head; node.body]

# The texts that a rule without conditions is made of.
texts := {node.value |
	is_total
	walk(input.rule.head.value, [_, node])
	node.type == "string"
}

# Patterns that come from a rule or the data.
patterns_elsewhere := {{"from": trim_suffix(trim_prefix(place, "data/"), "/*"), "at": call.at} |
	some call in calls
	term := call.args[pattern_at[call.name]]
	some place in places(term)
	startswith(place, "data/")
}
