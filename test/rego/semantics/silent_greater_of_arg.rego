# refused: silent
# without: null is less than every number, so the rule says nothing
# asked: {"name": "export", "arguments": {}}
# answer: allow
package policies.example

import data.sallyport

require_approval contains {"code": "bulk", "reviewers": ["oncall"]} if {
	input.message.call.name == "export"
	sallyport.arg("limit") > 1000
}
