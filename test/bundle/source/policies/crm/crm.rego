package policies.crm

import data.sallyport

# METADATA
# title: Support uses the CRM
allow if {
	input.upstream.name == "crm"
	"support" in input.actor.groups
}

# METADATA
# title: Destructive SQL
# description: DROP loses a table.
# related_resources:
# - https://wiki.example/sql
# custom:
#   remedy: Ask the database team.
#   severity: high
deny contains {"code": "destructive_sql", "message": "DROP is not allowed here"} if {
	input.message.direction == "to_server"
	input.message.call.name == "query"
	sallyport.matches(`(?i)\bdrop\b`, sallyport.arg("sql"))
}

# METADATA
# title: Large extract
risk contains {"code": "large_extract", "points": points} if {
	input.message.call.name == "export"
	points := data.limits.points
}
