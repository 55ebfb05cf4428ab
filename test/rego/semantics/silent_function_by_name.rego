# refused: silent
# without: a function that knows other tools only
# asked: {"name":"query","arguments":{"limit":99999}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "too_much"} if {
	sallyport.exceeds(sallyport.arg("limit"), most(input.message.call.name))
}

most("export") := 100
