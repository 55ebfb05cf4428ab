# refused: silent
# without: `lower` has no answer for a list, so the rule says nothing
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	contains(lower(sallyport.arg("sql")), "drop")
}
