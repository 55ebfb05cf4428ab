# refused: keyword
# without: the check sees no `not`, so `matches` is turned round by it, and a list slips past as in not_matches
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport
import future.keywords.not

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not sallyport.matches(`(?i)^select`, sallyport.arg("sql"))
}
