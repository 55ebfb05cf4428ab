# refused: keyword
# without: what stands beside `or` is not looked at, so that neither says anything of a limit that is null
# asked: {"name": "export", "arguments": {"limit": null}}
# answer: allow
package policies.example

import data.sallyport
import future.keywords.or

deny contains {"code": "large"} if {
	input.message.call.name == "export"
	sallyport.arg("limit") > 1000 or sallyport.arg("limit") == 0
}
