# refused: silent
# without: the same in a comprehension
# asked: {"name":"query","arguments":{"paths":"/etc/passwd"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "outside"} if {
	count([path | some path in input.message.call.arguments.paths; not sallyport.only(`^/srv/`, path)]) > 0
}
