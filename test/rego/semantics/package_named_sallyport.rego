# refused: package
# without: its rule ids could not be told from the library's own, so it denies as policy_error
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: deny policy_error
package policies.sallyport

deny contains {"code": "risk"} if input.message.call.name == "query"
