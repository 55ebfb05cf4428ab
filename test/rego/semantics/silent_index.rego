# refused: silent
# without: a group that is not there
# asked: {"name":"query","arguments":{}}
# answer: allow
package policies.example

deny contains {"code": "second_group"} if {
	input.message.call.name == "query"
	second := input.actor.groups[1]
	not second == "dba"
}
