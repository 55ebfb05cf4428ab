# Comparisons of fields that are always there, equality of those that may be missing, and everything below the right `not`.
package policies.fields

import data.sallyport
import data.sallyport.matches as looks_like

default allow := false

allow if {
	input.actor.kind == "service"
	startswith(input.message.call.name, "read_")
	input.upstream.labels.tier != "production"
}

allow if {
	some group in data.readers
	group in input.actor.groups
	not input.message.call.name in {"delete", "drop"}
	regex.match(`^[a-z_]+$`, input.message.call.name)
}

allow if {
	input.actor.claims.team == "platform"
	input.message.call.annotations.readOnlyHint == true
	count(input.actor.groups) > 1
}

allow_server if {
	input.message.method == "elicitation/create"
	input.upstream.labels.asks == "allowed"
}

allow_other if input.message.method == "x/list"

deny contains {"code": "forced"} if input.message.call.arguments.force == true

deny contains {"code": "mode"} if input.message.call.arguments.mode in {"write", "admin"}

deny contains {"code": "not_read"} if {
	input.message.method == "tools/call"
	not input.message.call.arguments.mode == "read"
}

deny contains {"code": "not_read_either"} if {
	input.message.method == "tools/call"
	not sallyport.arg("mode") in {"read", "list"}
}

deny contains {"code": "busy"} if {
	input.session.denied > 5
	input.session.bytes_out + input.session.calls > 1000000
}

deny contains {"code": "prefix", "message": sprintf("%s may not be called on %s", [input.message.call.name, input.upstream.name])} if {
	startswith(input.message.call.name, "delete_")
	count(input.actor.groups) == 0
}

deny contains {"code": "not_a_select", "message": sprintf("%v is no SELECT", [sallyport.arg("sql")])} if {
	is_sql
	not is_select(sallyport.arg("sql"))
}

is_sql if input.message.call.name in sql_tools

sql_tools := {"query", "explain"}

# Below the `not`, a condition without an answer refuses.
is_select(sql) if startswith(lower(sql), "select")

deny contains {"code": "tables"} if {
	some table in sallyport.items(sallyport.arg("tables"))
	looks_like(`^secret`, table)
}

deny contains {"code": "many_tables"} if {
	count(sallyport.items(sallyport.arg("tables"))) > 3
	secret := [table | some table in sallyport.items(sallyport.arg("tables")); sallyport.matches(`^secret`, table)]
	count(secret) > 1
}

deny contains {"code": "typed"} if {
	input.message.call.name == "query"
	not is_string(sallyport.arg("sql"))
}

deny contains {"code": "long"} if {
	input.message.call.name == "query"
	sallyport.exceeds(sallyport.size(sallyport.arg("sql")), data.longest.query)
}

deny contains {"code": "rows"} if {
	input.message.kind == "result"
	sallyport.exceeds(sallyport.size(sallyport.at(input.message.body, ["structuredContent", "rows"])), 100)
	input.request.call.name == "export"
}

deny contains {"code": "secret_found"} if {
	some finding in input.findings
	finding.detector in {"api_key", "private_key"}
	finding.count > 1
	startswith(finding.path, "/arguments")
}

deny contains {"code": "all_tables"} if {
	input.message.call.name == "query"
	every table in sallyport.items(sallyport.arg("tables")) {
		sallyport.matches(`^public\.`, table)
	}
	not sallyport.only(`^public\.`, sallyport.arg("main"))
}

require_approval contains {"code": "export", "reviewers": data.readers, "quorum": 2, "ttl": "24h"} if {
	input.message.call.name == "export"
	not sallyport.within(sallyport.arg("limit"), 10)
}

mask contains {"path": path, "with": null} if {
	some path in data.hidden
	input.message.direction == "to_client"
}

mask contains {"path": "/structuredContent/**/a~2b~1c~0d", "detector": "email", "must": true, "code": "mail"}

risk contains {"code": "granted", "points": data.points.granted} if count(input.approval.met) > 0

risk contains {"code": "risky", "points": 0.5} if {
	not input.actor.email
	input.session.client.name == "unknown"
}

# A name for what is odd is as good as what it stands for.
deny contains {"code": "named"} if {
	input.message.call.name == "query"
	not sallyport.only(`^select`, statement)
	not sallyport.only(`^select`, trimmed(statement))
}

statement := sallyport.arg("sql")

trimmed(value) := value if {
	is_string(value)
} else := ""

# Tables have a value for what is not in them, and functions a last case.
deny contains {"code": "listed"} if {
	not input.message.call.name in object.get(tools, input.upstream.name, set())
	sallyport.exceeds(sallyport.arg("limit"), object.get(data.longest, input.message.call.name, 10))
	sallyport.exceeds(sallyport.arg("limit"), most(input.message.call.name))
}

tools := {"crm": sql_tools, "files": {"read_file"}}

most(name) := 100 if {
	name == "export"
} else := 10

# Every key of a table, and what is found under it.
deny contains {"code": "tables_of_owners"} if {
	some owner, names in tools
	owner in input.actor.groups
	input.message.call.name in names
	some place
	input.findings[place].confidence == "high"
	place > 0
}

# A mask may be made of what an answer holds.
mask contains {"path": sprintf("/content/%d/text", [place]), "code": "private"} if {
	some place, block in input.message.body.content
	block.annotations.audience[_] == "assistant"
}
