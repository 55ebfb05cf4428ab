# refused: package
# without: a slip in the first segment, and the deny is never read
# asked: {"name": "query", "arguments": {"sql": "DROP TABLE customers"}}
# answer: allow
package polices.crm

import data.sallyport

deny contains {"code": "no_drop"} if sallyport.matches(`(?i)drop`, sallyport.arg("sql"))
