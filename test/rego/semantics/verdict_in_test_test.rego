# refused: verdict_in_test
# without: compiled along, it would be a policy like any other: here it allows everything
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: allow
package policies.example_test

allow if input.message.call.name == "ping"
