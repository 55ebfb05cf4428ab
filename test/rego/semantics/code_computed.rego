# refused: verdict_code
# without: a caller could choose the rule id under which it is refused, counted and looked up
# asked: {"name": "query", "arguments": {"sql": "x/../allow"}}
# answer: deny x/../allow
package policies.example

import data.sallyport

deny contains {"code": sprintf("%v", [sallyport.arg("sql")])} if input.message.call.name == "query"
