# refused: verdict_type
# without: a text is no object; at run time it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.example

deny contains "no_drop" if input.message.call.name == "query"
