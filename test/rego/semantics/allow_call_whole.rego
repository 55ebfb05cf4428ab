# refused: allow_reads
# without: the call that `allow` sees has no arguments
# asked: {"name": "ping", "arguments": {"force": true}, "groups": []}
# answer: allow
package policies.example

allow if {
	call := input.message.call
	call.name == "ping"
	not call.arguments.force
}
