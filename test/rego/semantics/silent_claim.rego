# refused: silent
# without: a token without the claim is not looked at
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

deny contains {"code": "outsider"} if {
	not endswith(input.actor.claims.organisation, ".example")
}
