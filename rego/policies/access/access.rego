# METADATA
# title: Access
# description: Which group may use which tool. What is not named here does not exist for the caller.
package policies.access

import data.sallyport

# METADATA
# title: Support works with customers
# description: Support may query, look up and export customers.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: low
#   remedy: Join the group `support`, or ask for the tool to be added to it.
allow if {
	input.upstream.name == "crm"
	input.message.method == "tools/call"
	sallyport.in_group("support")
	input.message.call.name in {"query", "list_customers", "get_customer", "export_customers"}
}

# METADATA
# title: On call changes schemas
# description: People on call may do what support may, and change the schema once another reviewer agrees.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: medium
#   remedy: Join the group `oncall`.
allow if {
	input.upstream.name == "crm"
	input.message.method == "tools/call"
	sallyport.in_group("oncall")
	input.message.call.name in {"query", "list_customers", "get_customer", "export_customers", "alter_schema"}
}

# METADATA
# title: Pipelines read customers
# description: CI jobs may query and list customers, nothing else.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: low
#   remedy: Let the job run with the group `ci`.
allow if {
	input.upstream.name == "crm"
	input.message.method == "tools/call"
	sallyport.in_group("ci")
	input.message.call.name in {"query", "list_customers"}
}

# METADATA
# title: Auditors list customers
# description: Auditors may use what only lists.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: low
#   remedy: Join the group `audit`.
allow if {
	input.upstream.name == "crm"
	input.message.method == "tools/call"
	sallyport.in_group("audit")
	startswith(input.message.call.name, "list_")
}

# METADATA
# title: Files can be read
# description: Support, people on call and auditors may list, search and read files.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: low
#   remedy: Join one of the groups `support`, `oncall` and `audit`.
allow if {
	input.upstream.name == "files"
	input.message.method == "tools/call"
	some group in {"support", "oncall", "audit"}
	sallyport.in_group(group)
	input.message.call.name in {
		"read_file", "read_text_file", "read_media_file", "read_multiple_files", "get_file_info", "search_files",
		"list_directory", "list_directory_with_sizes", "list_allowed_directories", "directory_tree",
	}
}

# METADATA
# title: On call writes files
# description: Only people on call may create, edit and move files.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: medium
#   remedy: Join the group `oncall`.
allow if {
	input.upstream.name == "files"
	input.message.method == "tools/call"
	sallyport.in_group("oncall")
	input.message.call.name in {"write_file", "edit_file", "move_file", "create_directory"}
}

# METADATA
# title: Customers as resources
# description: Who may look customers up as tools may read them as resources, and subscribe to them.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: low
#   remedy: Join the group `support` or `oncall`.
allow if {
	input.upstream.name == "crm"
	input.message.method == "resources/read"
	some group in {"support", "oncall"}
	sallyport.in_group(group)
}

# METADATA
# title: Prompts about customers
# description: Who may look customers up may use the prompts of the customer database.
# related_resources:
#   - ref: docs/policies.md#who-may-use-what
# custom:
#   severity: low
#   remedy: Join the group `support` or `oncall`.
allow if {
	input.upstream.name == "crm"
	input.message.method == "prompts/get"
	some group in {"support", "oncall"}
	sallyport.in_group(group)
}

# METADATA
# title: Trusted servers may ask
# description: Sampling, elicitation and roots are for servers that carry the label `asks`.
# related_resources:
#   - ref: docs/policies.md#what-servers-ask-of-clients
# custom:
#   severity: medium
#   remedy: "Give the upstream the label `asks: allowed` in sallyport.yaml."
allow_server if {
	input.actor.kind != "nobody"
	input.upstream.labels.asks == "allowed"
}
