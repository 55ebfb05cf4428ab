# refused: points
# without: a text has no sum; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

risk contains {"code": "much", "points": "30"} if input.message.call.name == "query"
