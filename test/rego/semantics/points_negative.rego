# refused: points
# without: it would take away what other rules add; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

risk contains {"code": "trusted", "points": -100} if input.message.call.name == "query"
