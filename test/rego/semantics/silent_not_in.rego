# refused: silent
# without: what is missing is looked up before the `not`, so the rule says nothing
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

deny contains {"code": "read_only"} if {
	input.message.call.name == "query"
	not input.message.call.arguments.mode in {"read", "list"}
}
