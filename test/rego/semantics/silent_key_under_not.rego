# refused: silent
# without: what is missing is looked for before the `not`
# asked: {"name":"query","arguments":{}}
# answer: allow
package policies.example

deny contains {"code": "unsafe"} if {
	input.message.call.name == "query"
	not safe[input.message.call.arguments.mode]
}

safe := {"read": true}
