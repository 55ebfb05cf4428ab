# refused: silent
# without: the same with a table in the data
# asked: {"name":"query","arguments":{}}
# answer: allow
# data: {"listed": {"files": ["read_file"]}}
package policies.example

deny contains {"code": "unlisted"} if {
	not input.message.call.name in data.listed[input.upstream.name]
}
