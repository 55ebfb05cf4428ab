package sallyport_test

import data.sallyport

revisions := ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]

every_revision := "2024-11-05 2025-03-26 2025-06-18 2025-11-25 2026-07-28"

before_2026 := "2024-11-05 2025-03-26 2025-06-18 2025-11-25"

# Who sends what, in which revisions, and which rule answers for it.
table := {
	"to_server request": {
		"initialize": ["allow", before_2026],
		"ping": ["allow", before_2026],
		"server/discover": ["allow", "2026-07-28"],
		"tools/list": ["allow", every_revision],
		"tools/call": ["allow", every_revision],
		"resources/list": ["allow", every_revision],
		"resources/templates/list": ["allow", every_revision],
		"resources/read": ["allow", every_revision],
		"resources/subscribe": ["allow", before_2026],
		"resources/unsubscribe": ["allow", before_2026],
		"subscriptions/listen": ["allow", "2026-07-28"],
		"prompts/list": ["allow", every_revision],
		"prompts/get": ["allow", every_revision],
		"completion/complete": ["allow", every_revision],
		"logging/setLevel": ["allow", before_2026],
		"tasks/get": ["allow", "2025-11-25 2026-07-28"],
		"tasks/result": ["allow", "2025-11-25"],
		"tasks/list": ["allow", "2025-11-25"],
		"tasks/cancel": ["allow", "2025-11-25 2026-07-28"],
		"tasks/update": ["allow", "2026-07-28"],
		"sampling/createMessage": ["allow", ""],
	},
	"to_client request": {
		"ping": ["allow", before_2026],
		"sampling/createMessage": ["allow_server", before_2026],
		"elicitation/create": ["allow_server", "2025-06-18 2025-11-25"],
		"roots/list": ["allow_server", before_2026],
		"tasks/get": ["allow_server", "2025-11-25"],
		"tasks/result": ["allow_server", "2025-11-25"],
		"tasks/list": ["allow_server", "2025-11-25"],
		"tasks/cancel": ["allow_server", "2025-11-25"],
		"tools/call": ["allow", ""],
	},
	"to_server notification": {
		"notifications/initialized": ["allow", before_2026],
		"notifications/roots/list_changed": ["allow", before_2026],
		"notifications/cancelled": ["allow", every_revision],
		"notifications/progress": ["allow", before_2026],
		"notifications/tasks/status": ["allow_server", "2025-11-25"],
		"notifications/message": ["allow", ""],
	},
	"to_client notification": {
		"notifications/cancelled": ["allow", every_revision],
		"notifications/progress": ["allow", every_revision],
		"notifications/message": ["allow", every_revision],
		"notifications/resources/updated": ["allow", every_revision],
		"notifications/resources/list_changed": ["allow", every_revision],
		"notifications/tools/list_changed": ["allow", every_revision],
		"notifications/prompts/list_changed": ["allow", every_revision],
		"notifications/subscriptions/acknowledged": ["allow", "2026-07-28"],
		"notifications/elicitation/complete": ["allow", "2025-11-25"],
		"notifications/tasks/status": ["allow", "2025-11-25"],
		"notifications/tasks": ["allow", "2026-07-28"],
		"notifications/initialized": ["allow", ""],
	},
}

wanted(row, revision) := row[0] if contains(row[1], revision)

wanted(row, revision) := "allow_other" if not contains(row[1], revision)

test_every_method_of_every_revision if {
	wrong := [[who, method, revision, found] |
		some who, methods in table
		[direction, kind] := split(who, " ")
		some method, row in methods
		some revision in revisions
		found := sallyport.verdict_on({"direction": direction, "kind": kind, "method": method, "revision": revision})
		found != wanted(row, revision)
	]
	wrong == []
}

test_what_is_exempt_from_unknown_groups if {
	exempt := {method | some methods in table; some method, _ in methods; sallyport.is_housekeeping(method)}
	exempt - {method | some method in exempt; startswith(method, "notifications/")} == {
		"initialize", "ping", "server/discover", "logging/setLevel", "subscriptions/listen",
		"tools/list", "resources/list", "resources/templates/list", "prompts/list",
	}
}
