# refused: keyword
# without: what stands in the braces is not looked at, so an ordering passes that is true of what is missing, and `not` turns it round
# asked: {"name": "export", "arguments": {"limit": null}}
# answer: allow
package policies.example

import data.sallyport
import future.keywords.not

deny contains {"code": "large"} if {
	input.message.call.name == "export"
	not { sallyport.arg("limit") < 1000 }
}
