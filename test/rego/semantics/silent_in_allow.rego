# refused: silent
# without: under a `not` an allow is silent the wrong way round
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

allow if {
	input.upstream.name == "crm"
	not is_suspended
}

is_suspended if lower(input.actor.claims.status) == "suspended"
