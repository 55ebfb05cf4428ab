# refused: detector
# without: no detector of that name ever finds anything; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

mask contains {"detector": "ssn"} if input.message.call.name == "query"
