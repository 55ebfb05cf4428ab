# refused: verdict_value
# without: a message is text; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

deny contains {"code": "no_drop", "message": 7} if input.message.call.name == "query"
