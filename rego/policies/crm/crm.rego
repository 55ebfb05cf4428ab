# METADATA
# title: Customer database
# description: What may be said to the customer database, and what needs a second pair of eyes.
package policies.crm

import data.sallyport

# METADATA
# title: Destructive SQL
# description: Statements that drop, truncate or hand out rights never reach the database through `query`.
# related_resources:
#   - ref: https://owasp.org/www-community/attacks/SQL_Injection
# custom:
#   severity: critical
#   remedy: Change the schema with `alter_schema`, which a reviewer approves.
deny contains {"code": "destructive_sql", "message": "DROP, TRUNCATE, ALTER, GRANT, ATTACH and PRAGMA are not allowed here"} if {
	is_query
	sallyport.matches(`(?i)\b(drop|truncate|alter|grant|revoke|attach|detach|pragma|vacuum)\b`, sallyport.arg("sql"))
}

# METADATA
# title: Deletes and updates name their rows
# description: A DELETE or UPDATE without WHERE changes every row.
# related_resources:
#   - ref: https://owasp.org/www-community/attacks/SQL_Injection
# custom:
#   severity: high
#   remedy: Add a WHERE clause.
deny contains {"code": "unbounded_change", "message": "DELETE and UPDATE need a WHERE clause"} if {
	is_query
	sallyport.matches(`(?i)\b(delete|update)\b`, sallyport.arg("sql"))

	# sallyport-lint: ignore unanchored_only: a WHERE may stand anywhere, comments are refused by themselves
	not sallyport.only(`(?is)\bwhere\b`, sallyport.arg("sql"))
}

# METADATA
# title: One statement at a time
# description: A second statement behind a semicolon is not what the first seemed to be.
# related_resources:
#   - ref: https://owasp.org/www-community/attacks/SQL_Injection
# custom:
#   severity: high
#   remedy: Send the statements one by one.
deny contains {"code": "several_statements", "message": "only one statement is allowed in a call"} if {
	is_query
	sallyport.matches(`;\s*[^;\s]`, sallyport.arg("sql"))
}

# METADATA
# title: Statements without comments
# description: Behind a comment sign a WHERE or a LIMIT is there for the policy and not for the database.
# related_resources:
#   - ref: https://www.sqlite.org/lang_comment.html
# custom:
#   severity: high
#   remedy: Leave the comments out.
deny contains {"code": "sql_comment", "message": "a statement may not hold comments"} if {
	is_query
	sallyport.matches(`--|/\*`, sallyport.arg("sql"))
}

# METADATA
# title: Pipelines only select
# description: A CI job may read; every statement other than a SELECT is refused.
# related_resources:
#   - ref: https://owasp.org/www-community/attacks/SQL_Injection
# custom:
#   severity: medium
#   remedy: Use a SELECT.
deny contains {"code": "read_only", "message": "a pipeline may only SELECT"} if {
	is_query
	sallyport.in_group("ci")
	not sallyport.only(`(?i)^\s*select\b`, sallyport.arg("sql"))
}

# METADATA
# title: Schema changes only add
# description: What alter_schema is given must be an ALTER TABLE that adds or renames, or a CREATE INDEX.
# related_resources:
#   - ref: https://www.sqlite.org/lang_altertable.html
# custom:
#   severity: high
#   remedy: Split the change, and have destructive parts done by the owners of the database.
deny contains {"code": "schema_destruction", "message": "only ALTER TABLE … ADD | RENAME and CREATE INDEX are allowed"} if {
	is_schema_change
	not sallyport.only(`(?i)^\s*(alter\s+table\s+\w+\s+(add|rename)\b|create\s+(unique\s+)?index\b)[^;]*;?\s*$`, sallyport.arg("sql"))
}

# METADATA
# title: Odd limits
# description: A limit of zero or less means "no limit" to many databases.
# related_resources:
#   - ref: https://www.sqlite.org/lang_select.html#limitoffset
# custom:
#   severity: medium
#   remedy: Give a limit of 1 or more.
deny contains {"code": "odd_limit", "message": "the limit must be 1 or more"} if {
	input.message.method == "tools/call"
	input.upstream.name == "crm"
	input.message.call.name in {"export_customers", "list_customers"}
	sallyport.within(sallyport.arg("limit"), 0)
}

# METADATA
# title: Bulk extract
# description: An export of more customers than the threshold waits for the reviewer on call.
# related_resources:
#   - ref: docs/policies.md#approvals
# custom:
#   severity: high
#   remedy: Ask for 1000 customers or fewer, or wait for the reviewer.
require_approval contains {
	"code": "bulk_extract",
	"message": "this export is larger than 1000 customers",
	"reviewers": ["oncall"],
	"ttl": "15m",
} if {
	is_call("export_customers")
	sallyport.exceeds(sallyport.arg("limit"), 1000)
}

# METADATA
# title: Unbounded query
# description: A SELECT that names neither a small LIMIT nor one row can return the whole table.
# related_resources:
#   - ref: docs/policies.md#approvals
# custom:
#   severity: medium
#   remedy: Add `LIMIT 100`, or wait for the reviewer.
require_approval contains {
	"code": "unbounded_query",
	"message": "this query has no LIMIT below 1000",
	"reviewers": ["oncall"],
	"ttl": "15m",
} if {
	is_query
	sallyport.matches(`(?i)\bselect\b`, sallyport.arg("sql"))

	# sallyport-lint: ignore unanchored_only: what bounds a query stands at its end, where each of these is anchored
	not sallyport.only(`(?i)\blimit\s+[0-9]{1,3}\s*;?\s*$|\bwhere\s+id\s*=\s*'?[0-9]+'?\s*;?\s*$|^\s*select\s+count\(\*\)(\s+as\s+\w+)?\s+from\s+\w+\s*;?\s*$`, sallyport.arg("sql"))
}

# METADATA
# title: Schema change
# description: Every change of the schema waits for another reviewer on call.
# related_resources:
#   - ref: docs/policies.md#approvals
# custom:
#   severity: high
#   remedy: Ask another person on call to review the change.
require_approval contains {
	"code": "schema_change",
	"message": "a change of the schema needs another reviewer",
	"reviewers": ["oncall"],
	"quorum": 1,
	"ttl": "1h",
} if {
	is_schema_change
}

# METADATA
# title: A call of query
is_query if is_call("query")

# METADATA
# title: A call of alter_schema
is_schema_change if is_call("alter_schema")

# METADATA
# title: A call of one of the customer tools
is_call(name) if {
	input.upstream.name == "crm"
	input.message.method == "tools/call"
	input.message.call.name == name
}
