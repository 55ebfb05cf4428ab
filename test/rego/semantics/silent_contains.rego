# refused: silent
# without: `contains` has no answer for a list, so the rule says nothing
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	contains(input.message.call.arguments.sql, "DROP")
}
