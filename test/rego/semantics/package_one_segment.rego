# refused: package
# without: the rules are in no policy, so the deny is never read
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package crm

import data.sallyport

deny contains {"code": "no_drop"} if sallyport.matches(`(?i)drop`, sallyport.arg("sql"))
