# refused: silent
# without: below two `not`s a condition without an answer lets the rule end early
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	input.message.call.name == "query"
	not harmless(sallyport.arg("sql"))
}

harmless(sql) if not contains(sql, "DROP")
