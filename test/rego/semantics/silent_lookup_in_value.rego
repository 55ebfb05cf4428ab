# refused: silent
# without: an approval is not asked for where the table names nobody
# asked: {"name":"query","arguments":{}}
# answer: allow
# data: {"owners": {"files": "ops"}}
package policies.example

require_approval contains {"code": "owner", "reviewers": [data.owners[input.upstream.name]]} if {
	input.message.call.name == "query"
}
