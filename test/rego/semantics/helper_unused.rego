# refused: unused_rule
# without: the author meant to use it; nothing does
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.example

import data.sallyport

is_drop if sallyport.matches(`(?i)drop`, sallyport.arg("sql"))

deny contains {"code": "no_drop"} if input.message.call.name == "qeury"
