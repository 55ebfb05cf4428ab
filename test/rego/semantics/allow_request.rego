# refused: allow_reads
# without: `allow` is asked about the request itself, so `input.request` is never there
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: allow
package policies.example

allow if {
	input.message.call.name == "ping"
	not input.request.method == "tools/call"
}
