# refused: with
# without: what the `with` puts in is missing, so nothing is asked
# asked: {"name":"query","arguments":{}}
# answer: allow
package policies.example

deny contains {"code": "drop"} if {
	not safe with input.message.call.arguments.sql as lower(input.message.call.arguments.sql)
}

safe if input.message.call.arguments.sql == "select 1"
