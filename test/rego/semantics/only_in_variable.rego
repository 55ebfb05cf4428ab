# refused: nested_helper
# without: where it does not fit there is no value to keep, and the rule ends there
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	fits := sallyport.only(`(?i)^select`, sallyport.arg("sql"))
	not fits
}
