# refused: keyword
# without: `import future.keywords` brings the same `not` beside `in` and `if`
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport
import future.keywords

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not sallyport.matches(`(?i)^select`, sallyport.arg("sql"))
}
