# refused: helper_in_allow
# without: a tool whose definition has no hash counts as matching, and is open to everybody
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: allow
package policies.example

import data.sallyport

allow if {
	input.message.call.name == "ping"
	sallyport.matches(`^[0-9a-f]{64}$`, sallyport.at(input.actor, ["badge"]))
}
