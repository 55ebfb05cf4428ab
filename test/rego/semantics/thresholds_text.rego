# refused: thresholds
# without: a text is above every number, so no risk would reach it; at run time everything denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
# data: {"thresholds": {"deny": "100"}}
package policies.example

deny contains {"code": "none"} if input.message.call.name == "nothing"
