# refused: silent
# without: a function without an answer is asked before the `not`
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

deny contains {"code": "not_read"} if {
	input.message.method == "tools/call"
	not kind(input.message.call.name) == "read"
}

kind("list") := "read"

kind("drop") := "write"
