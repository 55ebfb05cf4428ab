# refused: nested_helper
# without: `matches` is true or nothing, never false, so the comparison never holds
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	sallyport.matches(`(?i)^select`, sallyport.arg("sql")) == false
}
