# refused: negated_helper
# without: a list is no text, so `matches` holds, `not` turns it round, and the statement slips past
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not sallyport.matches(`(?i)^select`, sallyport.arg("sql"))
}
