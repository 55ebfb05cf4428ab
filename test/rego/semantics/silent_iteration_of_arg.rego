# refused: silent
# without: the same through a helper and brackets
# asked: {"name":"query","arguments":{"paths":"/etc/passwd"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "outside"} if {
	input.message.call.name == "query"
	paths := sallyport.arg("paths")
	path := paths[_]
	not sallyport.only(`^/srv/`, path)
}
