# refused: silent
# without: the size of what has none is null, and null is less than any number
# asked: {"name":"query","arguments":{}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "many"} if {
	input.message.call.name == "query"
	sallyport.size(sallyport.arg("ids")) > 10
}
