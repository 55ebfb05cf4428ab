# refused: silent
# without: the data has no such list, so the rule says nothing
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	sallyport.exceeds(sallyport.arg("limit"), data.limits.query)
}
