# refused: mask_path
# without: `~3` is no escape, so the pointer names nothing; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

mask contains {"path": "/a~3b"} if input.message.call.name == "query"
