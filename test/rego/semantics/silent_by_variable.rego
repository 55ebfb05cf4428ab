# refused: silent
# without: the same through a variable
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	call := input.message.call
	sql := call.arguments.sql
	contains(sql, "DROP")
}
