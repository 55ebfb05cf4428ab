# refused: mask_place
# without: it masks nothing; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

mask contains {"with": "[SSN]"} if input.message.call.name == "query"
