# METADATA
# title: Lint
# description: |
#   What compiles, means what it says, and is still better written otherwise. `rule` is asked about one rule at a time, `project`
#   about all of them together.
#
#   `input` of `rule` is `{package, test, rule}`, a rule as OPA's syntax tree has it with its names resolved.
#   `data.known` has what a gateway knows: `detectors`, `methods`, and `values` of members of the input that have only so many.
package lint

nodes := [node | walk(input.rule, [_, node]); is_object(node)]

# A test may do on purpose what a policy must not: its conditions are not looked at.
exprs := [node |
	not input.test
	some node in nodes
	node.location
	node.terms
]

bodies := [node.body |
	not input.test
	some node in nodes
	is_array(node.body)
]

# The calls of each condition by itself; what is nested in the body of a comprehension or `every` has conditions of its own.
calls := array.concat(
	[called(expr, expr.terms, false) | some expr in exprs; is_array(expr.terms)],
	[called(expr, node.value, true) |
		some expr in exprs
		walk(expr.terms, [path, node])
		not "body" in path
		node.type == "call"
	],
)

called(expr, terms, nested) := {
	"name": name_of(terms[0]),
	"args": array.slice(terms, 1, count(terms)),
	"at": expr.location,
	# A nested call is worked out before its `not`.
	"negated": object.get(expr, "negated", false),
	"nested": nested,
}

name_of(ref) := concat(".", [step.value | some step in ref.value])

# What `some x in …` stands for, as pairs of variable and place.
elements := {[call.args[0].value, place] |
	some call in calls
	call.name == "internal.member_2"
	call.args[0].type == "var"
	place := concat("/", [place_of(call.args[1]), "*"])
}

# `input.a[_].b` is `input/a/*/b`.
place_of(term) := concat("/", [step_of(step) | some step in term.value]) if {
	term.type == "ref"
	term.value[0].value in {"input", "data"}
}

step_of(step) := step.value if step.type == "string"

step_of(step) := step.value if {
	step.type == "var"
	step.value in {"input", "data"}
} else := "*" if {
	step.type != "string"
}

places(term) := {place_of(term)} if place_of(term)

places(term) := {place | some [name, place] in elements; name == term.value} if term.type == "var"

places(term) := {place |
	some [name, from] in elements
	name == term.value[0].value
	place := concat("/", array.concat([from], [step_of(step) | some index, step in term.value; index > 0]))
} if {
	term.type == "ref"
	not place_of(term)
}

# Conditions that compare a place with a text.
compared contains {"place": place, "value": value.value, "at": call.at} if {
	some call in calls
	call.name in {"equal", "eq", "neq"}
	some side in [0, 1]
	some place in places(call.args[side])
	value := call.args[1 - side]
	value.type == "string"
}

compared contains {"place": place, "value": value.value, "at": call.at} if {
	some call in calls
	call.name == "internal.member_2"
	some place in places(call.args[0])
	call.args[1].type in {"set", "array"}
	some value in call.args[1].value
	value.type == "string"
}

is_verdict if {
	not input.test
	input.rule.head.name in verdicts
}

unconditional(body) if {
	every expr in body {
		expr.terms == {"type": "boolean", "value": true}
	}
}

verdicts := {"allow", "allow_server", "allow_other", "deny", "require_approval", "risk", "mask"}

finding(note, at, message) := {
	"code": note.custom.code,
	"level": note.custom.level,
	"row": at.row,
	"col": at.col,
	"message": message,
	"remedy": note.custom.remedy,
}

rule := {"findings": found, "facts": facts}
