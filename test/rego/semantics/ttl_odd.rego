# refused: ttl
# without: nobody can tell when it ends; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

require_approval contains {"code": "ask", "reviewers": ["oncall"], "ttl": "soon"} if input.message.call.name == "query"
