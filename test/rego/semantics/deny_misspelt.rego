# refused: unused_rule
# without: a slip in the name, and the set is never read
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

denny contains {"code": "no_drop"} if input.message.call.name == "query"
