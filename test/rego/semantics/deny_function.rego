# refused: verdict_type
# without: a function is called by nobody; the module does not even run
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: fault
package policies.example

deny(name) if name == "query"
