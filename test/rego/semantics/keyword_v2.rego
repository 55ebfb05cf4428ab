# refused: keyword
# without: rego.v2 brings the same `not`
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport
import rego.v2

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not sallyport.matches(`(?i)^select`, sallyport.arg("sql"))
}
