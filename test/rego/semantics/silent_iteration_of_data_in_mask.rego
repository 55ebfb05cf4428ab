# refused: silent
# without: the data has no such list, so nothing is masked
# data: {"hidden": ["/arguments/sql"]}
# asked: {"name": "query", "arguments": {"sql": "SELECT 1"}}
# answer: allow
package policies.example

mask contains {"code": "hidden", "path": path, "with": "[HIDDEN]"} if {
	some path in data.hiden
}
