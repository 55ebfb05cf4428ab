# refused: negated_helper
# without: the same through a rule of the policy
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

is_select if sallyport.matches(`(?i)^select`, sallyport.arg("sql"))

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not is_select
}
