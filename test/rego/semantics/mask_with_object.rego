# refused: verdict_value
# without: only a scalar can be put in; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

mask contains {"path": "/name", "with": {"masked": true}} if input.message.call.name == "query"
