# refused: silent
# without: the same of a function
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

deny contains {"code": "not_harmless"} if {
	input.message.call.name == "query"
	false == is_harmless(input.message.call.name)
}

is_harmless(name) if startswith(name, "get_")
