# refused: verdict_type
# without: a boolean is no set; at run time it denies everything as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

deny if input.message.call.name == "query"
