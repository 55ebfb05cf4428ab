# refused: silent
# without: a helper that is handed what is missing is not called at all
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "not_a_select"} if {
	input.message.call.name == "query"
	not sallyport.only(`(?i)^select`, input.message.call.arguments.sql)
}
