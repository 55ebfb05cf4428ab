# refused: reviewers
# without: nobody could ever approve; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

require_approval contains {"code": "ask", "reviewers": []} if input.message.call.name == "query"
