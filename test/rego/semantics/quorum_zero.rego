# refused: quorum
# without: no answer at all would be enough; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

require_approval contains {"code": "ask", "reviewers": ["oncall"], "quorum": 0} if input.message.call.name == "query"
