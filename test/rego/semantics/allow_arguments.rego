# refused: allow_reads
# without: `allow` is asked without arguments, so the author's condition never holds and the tool is hidden
# asked: {"name": "ping", "arguments": {"safe": true}, "groups": []}
# answer: deny not_allowed
package policies.example

allow if {
	input.message.call.name == "ping"
	input.message.call.arguments.safe == true
}
