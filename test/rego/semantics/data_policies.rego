# refused: reserved_data
# without: data among the rules would pass for a policy: here it allows everything
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: allow
# data: {"policies": {"open": {"allow": true}}}
package policies.example

deny contains {"code": "none"} if input.message.call.name == "nothing"
