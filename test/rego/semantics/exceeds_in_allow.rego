# refused: helper_in_allow
# without: who has no clearance at all exceeds every level
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: allow
package policies.example

import data.sallyport

allow if {
	input.message.call.name == "ping"
	cleared
}

cleared if sallyport.exceeds(sallyport.at(input.actor, ["claims", "clearance"]), 3)
