# refused: allow_reads
# without: a key that is a variable reads everything there is
# asked: {"name": "ping", "arguments": {"force": true}, "groups": []}
# answer: allow
package policies.example

allow if {
	input.message.call.name == "ping"
	some key in ["body"]
	not input.message[key].arguments.force
}
