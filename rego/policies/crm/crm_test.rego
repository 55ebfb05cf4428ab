package policies.crm_test

import data.policies.crm

call(group, name, arguments) := {
	"actor": {"groups": [group]},
	"upstream": {"name": "crm"},
	"message": {"method": "tools/call", "call": {"name": name, "arguments": arguments}},
}

codes(entries) := {entry.code | some entry in entries}

query(sql) := call("support", "query", {"sql": sql})

test_destructive_statements if {
	every sql in ["DROP TABLE customers", "select 1; drop table x", "truncate customers", ["DROP TABLE x"], null] {
		"destructive_sql" in codes(crm.deny) with input as query(sql)
	}
	not "destructive_sql" in codes(crm.deny) with input as query("SELECT droplets FROM weather LIMIT 1")
}

test_changes_name_their_rows if {
	"unbounded_change" in codes(crm.deny) with input as query("DELETE FROM customers")
	"unbounded_change" in codes(crm.deny) with input as query(null)
	not "unbounded_change" in codes(crm.deny) with input as query("UPDATE customers SET a = 1 WHERE id = 1")
}

test_one_statement_a_call if {
	"sql_comment" in codes(crm.deny) with input as query("DELETE FROM customers -- WHERE id = 1")
	not "sql_comment" in codes(crm.deny) with input as query("SELECT 1 - 1 LIMIT 1")
	"several_statements" in codes(crm.deny) with input as query("SELECT 1; SELECT 2")
	not "several_statements" in codes(crm.deny) with input as query("SELECT 1; ")
}

test_pipelines_select if {
	crm.deny == set() with input as call("ci", "query", {"sql": " select * from customers limit 5"})
	"read_only" in codes(crm.deny) with input as call("ci", "query", {"sql": "UPDATE a SET b = 1 WHERE id = 1"})
	"read_only" in codes(crm.deny) with input as call("ci", "query", {})
}

test_schema_changes_add if {
	every sql in ["ALTER TABLE customers ADD note TEXT", "alter table a rename to b;", "CREATE INDEX i ON a (b)"] {
		crm.deny == set() with input as call("oncall", "alter_schema", {"sql": sql})
	}
	every sql in ["DROP TABLE customers", "ALTER TABLE a DROP b", "ALTER TABLE a ADD b; DROP TABLE a", null, 7] {
		codes(crm.deny) == {"schema_destruction"} with input as call("oncall", "alter_schema", {"sql": sql})
	}
}

test_limits_are_positive if {
	codes(crm.deny) == {"odd_limit"} with input as call("support", "export_customers", {"limit": -1})
	crm.deny == set() with input as call("support", "export_customers", {"limit": 1})
}

test_bulk_extracts_wait if {
	every limit in [1001, null, "1", [5]] {
		codes(crm.require_approval) == {"bulk_extract"} with input as call("support", "export_customers", {"limit": limit})
	}
	crm.require_approval == set() with input as call("support", "export_customers", {"limit": 1000})
}

test_unbounded_queries_wait if {
	every sql in ["SELECT * FROM customers", "SELECT * FROM customers LIMIT 5000", ["SELECT 1"]] {
		codes(crm.require_approval) == {"unbounded_query"} with input as query(sql)
	}
	every sql in ["SELECT * FROM customers LIMIT 10", "SELECT * FROM customers WHERE id = 7", "SELECT count(*) FROM customers", "SELECT count(*) AS n FROM customers"] {
		crm.require_approval == set() with input as query(sql)
	}
}

test_schema_changes_wait if {
	crm.require_approval == {{
		"code": "schema_change",
		"message": "a change of the schema needs another reviewer",
		"reviewers": ["oncall"],
		"quorum": 1,
		"ttl": "1h",
	}} with input as call("oncall", "alter_schema", {"sql": "ALTER TABLE a ADD b"})
}
