# refused: thresholds
# without: an approval above the denial would never be asked for; at run time everything denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
# data: {"thresholds": {"approve": 90, "deny": 50}}
package policies.example

deny contains {"code": "none"} if input.message.call.name == "nothing"
