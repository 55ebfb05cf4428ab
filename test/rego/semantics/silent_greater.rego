# refused: silent
# without: without a limit there is nothing to compare, so the rule says nothing
# asked: {"name": "export", "arguments": {}}
# answer: allow
package policies.example

require_approval contains {"code": "bulk", "reviewers": ["oncall"]} if {
	input.message.call.name == "export"
	input.message.call.arguments.limit > 1000
}
