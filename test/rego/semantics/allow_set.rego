# refused: verdict_type
# without: a set is no boolean; at run time it denies as policy_error
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: deny policy_error
package policies.example

allow contains "support" if input.message.call.name == "ping"
