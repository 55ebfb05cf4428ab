# refused: verdict_code
# without: an entry without a code has no rule id; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

deny contains {"message": "no"} if input.message.call.name == "query"
