# refused: silent
# without: `to_number` has no answer for a list, so the rule says nothing
# asked: {"name": "export", "arguments": {"limit": [5000]}}
# answer: allow
package policies.example

require_approval contains {"code": "bulk", "reviewers": ["oncall"]} if {
	input.message.call.name == "export"
	to_number(input.message.call.arguments.limit) > 1000
}
