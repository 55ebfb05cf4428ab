# refused: reviewers
# without: a text is no list of groups; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

require_approval contains {"code": "ask", "reviewers": "oncall"} if input.message.call.name == "query"
