# refused: verdict_type
# without: an object is no set; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

deny["no_drop"] := {"code": "no_drop"} if input.message.call.name == "query"
