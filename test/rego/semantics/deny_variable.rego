# refused: verdict_type
# without: what the set contains cannot be seen, so its code could be anything; this one denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

deny contains reason if {
	input.message.call.name == "query"
	reason := {"kode": "no_drop"}
}
