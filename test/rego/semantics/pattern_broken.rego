# refused: pattern
# without: it counts as a match for everything, so every query is refused
# asked: {"name": "query", "arguments": {"sql": "SELECT 1"}}
# answer: deny no_drop
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	sallyport.matches(`(drop`, sallyport.arg("sql"))
}
