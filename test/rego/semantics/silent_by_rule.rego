# refused: silent
# without: the same through a rule of the policy
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	contains(sql, "DROP")
}

sql := sallyport.arg("sql")
