# refused: silent
# without: what is missing is looked up before the `not`, so the rule says nothing
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not startswith(input.message.call.arguments.sql, "SELECT")
}
