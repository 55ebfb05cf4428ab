# refused: verdict_key
# without: a key that nobody reads; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

deny contains {"code": "no_drop", "msg": "no"} if input.message.call.name == "query"
