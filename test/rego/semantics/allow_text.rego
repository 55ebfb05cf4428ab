# refused: verdict_type
# without: a text that says no is still a value; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

allow := "no" if input.message.call.name == "query"
