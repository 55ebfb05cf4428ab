# refused: verdict_value
# without: every text would count as true; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

mask contains {"path": "/name", "must": "no"} if input.message.call.name == "query"
