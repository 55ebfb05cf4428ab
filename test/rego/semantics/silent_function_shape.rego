# refused: silent
# without: a function of pairs, given a text
# asked: {"name":"query","arguments":{"path":"/etc/passwd"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "outside"} if {
	input.message.call.name == "query"
	not sallyport.only(`^/srv/`, first(sallyport.arg("path")))
}

first([path, _]) := path
