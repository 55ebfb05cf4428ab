# refused: silent
# without: `regex.match` has no answer for a list, so the rule says nothing
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	regex.match(`(?i)drop`, input.message.call.arguments.sql)
}
