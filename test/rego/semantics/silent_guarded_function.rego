# refused: silent
# without: a function that answers for texts only
# asked: {"name":"query","arguments":{"sql":["DROP TABLE customers"]}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_select"} if {
	input.message.call.name == "query"
	not sallyport.only(`^select`, text(sallyport.arg("sql")))
}

text(value) := value if is_string(value)
