package lint

# METADATA
# title: What an answer has not got
# description: An answer names the call it answers in `input.request`; a condition on `input.message.call` beside one on answers never holds.
# custom:
#   code: answer_call
#   level: error
#   remedy: use input.request.call, or sallyport.arg, which knows both
found contains finding(rego.metadata.rule(), expr.location, message) if {
	some body in bodies
	some answer in body
	is_about_answers(answer)
	some expr in body
	not expr.negated
	walk(expr.terms, [path, node])
	not "body" in path
	regex.match(`^input/message/call(/|$)`, place_of(node))
	message := sprintf("a message to the client has no input.message.call, and the condition in line %d asks for one", [answer.location.row])
}

is_about_answers(expr) if {
	some equality in equalities([expr])
	[equality.place, equality.value] in {
		["input/message/direction", "to_client"],
		["input/message/kind", "result"],
		["input/message/kind", "error"],
	}
}

equalities(body) := [{"place": place, "value": value.value, "at": expr.location} |
	some expr in body
	not expr.negated
	is_array(expr.terms)
	name_of(expr.terms[0]) in {"equal", "eq"}
	some side in [1, 2]
	place := place_of(expr.terms[side])
	value := expr.terms[3 - side]
	value.type in {"string", "number", "boolean", "null"}
]

# METADATA
# title: A value that is never there
# description: Some members of the input have only so many values.
# custom:
#   code: unknown_value
#   level: error
#   remedy: use one of the values that docs/policies.md lists
found contains finding(rego.metadata.rule(), one.at, message) if {
	some one in compared
	known := data.known.values[one.place]
	not one.value in known
	message := sprintf("%s is never %q, but one of %s", [replace(one.place, "/", "."), one.value, concat(", ", known)])
}

# METADATA
# title: A detector that nobody has
# description: Findings name the detectors of the gateway.
# custom:
#   code: unknown_detector
#   level: error
#   remedy: use a detector that the gateway has, or configure one of this name and give `--detector` to the command
found contains finding(rego.metadata.rule(), one.at, message) if {
	some one in compared
	one.place == "input/findings/*/detector"
	not one.value in data.known.detectors
	message := sprintf("there is no detector %q", [one.value])
}

# METADATA
# title: A method that MCP does not know
# description: A slip in a method's name makes a condition that never holds.
# custom:
#   code: unknown_method
#   level: warning
#   remedy: compare with the specification; ignore this rule where a server has methods of its own
found contains finding(rego.metadata.rule(), one.at, message) if {
	some one in compared
	one.place in {"input/message/method", "input/request/method"}
	not one.value in data.known.methods
	message := sprintf("no revision of MCP has a method %q", [one.value])
}

# METADATA
# title: Conditions that exclude each other
# description: Conditions of one body must all hold; alternatives are rules of their own.
# custom:
#   code: contradiction
#   level: error
#   remedy: write a rule for each, or `in {…}`
found contains finding(rego.metadata.rule(), two.at, message) if {
	some body in bodies
	all := equalities(body)
	some i, one in all
	not contains(one.place, "*")
	some j, two in all
	i < j
	one.place == two.place
	one.value != two.value
	message := sprintf("%s cannot be this and also what line %d wants", [replace(one.place, "/", "."), one.at.row])
}

# METADATA
# title: An else that is never reached
# description: What stands before it always holds.
# custom:
#   code: unreachable_else
#   level: error
#   remedy: leave the else out, or give what stands before it its condition
found contains finding(rego.metadata.rule(), node["else"].location, message) if {
	some node in nodes
	not input.test
	node["else"]
	unconditional(node.body)
	every arg in object.get(node.head, "args", []) {
		arg.type == "var"
	}
	message := "what stands before this else always holds"
}
