# refused: mask_path
# without: it points nowhere; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

mask contains {"path": "structuredContent/ssn"} if input.message.call.name == "query"
