# refused: allow_reads
# without: the whole input is not what `allow` is asked with
# asked: {"name": "ping", "arguments": {"force": true}, "groups": []}
# answer: allow
package policies.example

allow if {
	some_input := input
	some_input.message.call.name == "ping"
	not some_input.message.call.arguments.force
}
