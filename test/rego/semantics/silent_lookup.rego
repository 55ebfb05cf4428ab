# refused: silent
# without: a name that the table has not got ends the rule before its `not`
# asked: {"name":"query","arguments":{}}
# answer: allow
package policies.example

deny contains {"code": "unlisted"} if {
	not input.message.call.name in listed[input.upstream.name]
}

listed := {"files": {"read_file"}}
