# refused: allow_reads
# without: what the server asks is judged without its content
# asked: {"name": "ping", "arguments": {}, "groups": []}
# answer: deny not_allowed
package policies.example

allow_server if input.message.body.mode == "form"
