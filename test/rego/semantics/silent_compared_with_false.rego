# refused: silent
# without: what is true or nothing is never false
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

deny contains {"code": "not_harmless"} if {
	input.message.call.name == "query"
	is_harmless == false
}

is_harmless if input.message.call.arguments.sql == "SELECT 1"
