package policies.crm_test

import data.policies.crm

query(sql) := {"direction": "to_server", "call": {"name": "query", "arguments": {"sql": sql}}}

test_support_may if crm.allow with input as {"upstream": {"name": "crm"}, "actor": {"groups": ["support"]}}

test_others_may_not if not crm.allow with input as {"upstream": {"name": "crm"}, "actor": {"groups": ["sales"]}}

test_drop[sql] if {
	some sql in ["DROP TABLE x", "drop table x"]
	some reason in crm.deny with input.message as query(sql)
	reason.code == "destructive_sql"
}

test_risk if {
	crm.risk == {{"code": "large_extract", "points": 40}} with input.message.call.name as "export"
}
