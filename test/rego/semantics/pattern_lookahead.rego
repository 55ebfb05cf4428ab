# refused: pattern
# without: the engine knows no look-ahead, so it counts as a match for everything
# asked: {"name": "query", "arguments": {"sql": "SELECT 1"}}
# answer: deny no_drop
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	sallyport.matches(`drop(?! view)`, sallyport.arg("sql"))
}
