# refused: silent
# without: the inner call has no answer for a list and is asked before the `not`
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not startswith(upper(sallyport.arg("sql")), "SELECT")
}
