# refused: allow_reads
# without: `allow` is asked without the approval, so it never holds
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: deny not_allowed
package policies.example

allow if {
	input.message.call.name == "ping"
	input.approval.risk >= 0
}
