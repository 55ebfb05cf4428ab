# refused: silent
# without: a member that the result has not got
# asked: {"name":"query","arguments":{}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "unsafe"} if {
	input.message.call.name == "query"
	options := object.union({"limit": 10}, input.message.call.arguments)
	not sallyport.only(`^safe$`, options.mode)
}
