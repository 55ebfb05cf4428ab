package policies.access_test

import data.policies.access

question(group, upstream, method, name) := {
	"actor": {"kind": "person", "groups": [group]},
	"upstream": {"name": upstream, "labels": {}},
	"message": {"method": method, "call": {"kind": "tool", "name": name}},
}

tools := {
	"crm": {"query", "list_customers", "get_customer", "export_customers", "alter_schema"},
	"files": {"read_file", "search_files", "list_directory", "write_file", "move_file"},
}

usable(group, upstream) := {name |
	some name in tools[upstream]
	access.allow with input as question(group, upstream, "tools/call", name)
}

test_each_group_has_its_tools if {
	wanted := {
		"support": {"crm": tools.crm - {"alter_schema"}, "files": {"read_file", "search_files", "list_directory"}},
		"oncall": tools,
		"ci": {"crm": {"query", "list_customers"}, "files": set()},
		"audit": {"crm": {"list_customers"}, "files": {"read_file", "search_files", "list_directory"}},
		"others": {"crm": set(), "files": set()},
	}
	every group, upstreams in wanted {
		every upstream, names in upstreams {
			usable(group, upstream) == names
		}
	}
}

test_customers_as_resources if {
	access.allow with input as question("support", "crm", "resources/read", "crm://customers/1")
	access.allow with input as question("oncall", "crm", "resources/read", "crm://customers/1")
	not access.allow with input as question("ci", "crm", "resources/read", "crm://customers/1")
	not access.allow with input as question("support", "files", "resources/read", "file:///a")
}

test_prompts_about_customers if {
	access.allow with input as question("support", "crm", "prompts/get", "summarise_customer")
	access.allow with input as question("oncall", "crm", "prompts/get", "summarise_customer")
	not access.allow with input as question("ci", "crm", "prompts/get", "summarise_customer")
	not access.allow with input as question("support", "files", "prompts/get", "summarise_customer")
}

asking(kind, labels) := {"actor": {"kind": kind}, "upstream": {"name": "crm", "labels": labels}, "message": {"method": "sampling/createMessage"}}

test_only_labelled_servers_ask if {
	access.allow_server with input as asking("person", {"asks": "allowed"})
	not access.allow_server with input as asking("person", {})
	not access.allow_server with input as asking("nobody", {"asks": "allowed"})
}
