# refused: silent
# without: an object taken apart, where a text is given
# asked: {"name":"query","arguments":{"options":"unsafe"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "unsafe"} if {
	input.message.call.name == "query"
	{"mode": mode} := sallyport.arg("options")
	not sallyport.only(`^safe$`, mode)
}
