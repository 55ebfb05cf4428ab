# refused: silent
# without: the same through a function of the policy
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	has_drop(sallyport.arg("sql"))
}

has_drop(sql) if contains(sql, "DROP")
