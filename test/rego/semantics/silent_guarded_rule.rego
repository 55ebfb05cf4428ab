# refused: silent
# without: a rule that has a value for texts only
# asked: {"name": "query", "arguments": {"sql": ["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_select"} if {
	input.message.call.name == "query"
	not sallyport.only(`^select`, sql)
}

sql := sallyport.arg("sql") if is_string(sallyport.arg("sql"))
