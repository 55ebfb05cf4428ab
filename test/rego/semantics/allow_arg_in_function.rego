# refused: allow_reads
# without: the same through a function of the policy and the library's `arg`
# asked: {"name": "ping", "arguments": {"force": true}, "groups": []}
# answer: allow
package policies.example

import data.sallyport

allow if {
	input.message.call.name == "ping"
	not forced("force")
}

forced(name) if sallyport.arg(name) == true
