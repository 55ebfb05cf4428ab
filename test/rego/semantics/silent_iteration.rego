# refused: silent
# without: a text where an array is expected has no elements
# asked: {"name":"query","arguments":{"paths":"/etc/passwd"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "outside"} if {
	input.message.call.name == "query"
	some path in input.message.call.arguments.paths
	not sallyport.only(`^/srv/`, path)
}
