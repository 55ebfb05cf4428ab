# refused: package
# without: the rules lie a step too deep, so the deny is never read
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package policies.crm.sql

import data.sallyport

deny contains {"code": "no_drop"} if sallyport.matches(`(?i)drop`, sallyport.arg("sql"))
