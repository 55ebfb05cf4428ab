# refused: silent
# without: a limit that is not in the table is no limit
# asked: {"name":"query","arguments":{"limit":99999}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "too_much"} if {
	name := input.upstream.name
	limits := {"files": 100}
	sallyport.exceeds(sallyport.arg("limit"), limits[name])
}
