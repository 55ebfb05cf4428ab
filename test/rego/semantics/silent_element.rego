# refused: silent
# without: one element of another type has no answer, and is passed over
# asked: {"name": "query", "arguments": {"tables": [["secrets"]]}}
# answer: allow
package policies.example

deny contains {"code": "secrets"} if {
	some table in input.message.call.arguments.tables
	startswith(table, "secret")
}
