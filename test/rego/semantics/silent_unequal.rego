# refused: silent
# without: what is missing is unequal to nothing, so the rule says nothing
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

deny contains {"code": "read_only"} if {
	input.message.call.name == "query"
	input.message.call.arguments.mode != "read"
}
