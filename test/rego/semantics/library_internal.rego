# refused: library_internal
# without: a policy that reads the library's own rules changes its meaning with every release, and reads the arguments behind the check's back
# asked: {"name": "ping", "arguments": {"force": true}, "groups": []}
# answer: allow
package policies.example

import data.sallyport

allow if {
	input.message.call.name == "ping"
	not sallyport.call_arguments.force
}
