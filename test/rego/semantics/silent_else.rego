# refused: silent
# without: a limit for labels that the server has not got
# asked: {"name":"query","arguments":{"limit":99999}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "too_much"} if {
	sallyport.exceeds(sallyport.arg("limit"), most)
}

most := 10 if {
	input.upstream.labels.tier == "production"
} else := 1000 if {
	input.upstream.labels.tier == "test"
}
