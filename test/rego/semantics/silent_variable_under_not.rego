# refused: silent
# without: what is missing ends the rule where it is kept in a variable
# asked: {"name":"query","arguments":{}}
# answer: allow
package policies.example

deny contains {"code": "unsafe"} if {
	input.message.call.name == "query"
	mode := input.message.call.arguments.mode
	not mode == "safe"
}
