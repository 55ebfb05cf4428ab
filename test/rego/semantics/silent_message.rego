# refused: silent
# without: the message cannot be built without the field, and the whole entry is gone
# asked: {"name": "query", "arguments": {}}
# answer: allow
package policies.example

deny contains {"code": "no_query", "message": sprintf("%v is not allowed", [input.message.call.arguments.sql])} if {
	input.message.call.name == "query"
}
