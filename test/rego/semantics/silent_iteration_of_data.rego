# refused: silent
# without: the data has no such list, so no word is forbidden
# data: {"words": ["(?i)drop"]}
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

import data.sallyport

deny contains {"code": "no_drop"} if {
	some word in data.wrods
	regex.match(word, sallyport.arg("sql"))
}
