package policies.crm

import data.sallyport

allow if {
	input.upstream.name == "crm"
	input.message.method in {"tools/call", "resources/read"}
	"support" in input.actor.groups
}

deny contains {"code": "destructive_sql", "message": "DROP is not allowed here"} if {
	input.message.call.name == "query"
	sallyport.matches(`(?i)\bdrop\b`, sallyport.arg("sql"))
}

require_approval contains {"code": "bulk_extract", "reviewers": ["oncall"], "ttl": "15m"} if {
	input.message.call.name == "export"
	sallyport.exceeds(sallyport.arg("limit"), 1000)
}

mask contains {"detector": "us_ssn", "with": "[SSN]"} if {
	input.message.direction == "to_client"
	not "pii-readers" in input.actor.groups
}

risk contains {"code": "after_hours", "points": 30} if sallyport.hour(input.now) > 20
