# refused: ttl
# without: an approval that outlives the day; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

require_approval contains {"code": "ask", "reviewers": ["oncall"], "ttl": "25h"} if input.message.call.name == "query"
