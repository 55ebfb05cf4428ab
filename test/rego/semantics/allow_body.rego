# refused: allow_reads
# without: `allow` is asked without the body, so the exclusion never excludes
# asked: {"name": "ping", "arguments": {"force": true}, "groups": []}
# answer: allow
package policies.example

allow if {
	input.message.call.name == "ping"
	not input.message.body.arguments.force
}
