# refused: negated_helper
# without: no limit counts as too high, `not` turns it round, and the export slips past
# asked: {"name": "export", "arguments": {}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "too_large"} if {
	input.message.call.name == "export"
	not sallyport.exceeds(sallyport.arg("rows_left"), 0)
}
