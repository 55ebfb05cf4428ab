package sallyport

# Which of MCP's messages a revision knows, as `[first, last]` revision; the dates compare as text.
always := ["2024-11-05", "2026-07-28"]

legacy := ["2024-11-05", "2025-11-25"]

modern := ["2026-07-28", "2026-07-28"]

# `verdict_on(message)` names the rule that answers for a request or notification.
verdict_on(message) := "allow" if {
	message.direction == "to_server"
	message.kind == "request"
	knows(client_request(message.method), message.revision)
} else := "allow" if {
	message.direction == "to_client"
	message.kind == "notification"
	knows(server_notification(message.method), message.revision)
} else := "allow" if {
	message.direction == "to_server"
	message.kind == "notification"
	knows(client_notification(message.method), message.revision)
} else := "allow" if {
	message.direction == "to_client"
	message.kind == "request"
	message.method == "ping"
	knows(legacy, message.revision)
} else := "allow_server" if {
	message.direction == "to_client"
	message.kind == "request"
	knows(server_request(message.method), message.revision)
} else := "allow_server" if {
	message.direction == "to_server"
	message.kind == "notification"
	message.method == "notifications/tasks/status"
	message.revision == "2025-11-25"
} else := "allow_other"

knows(span, revision) if {
	span[0] <= revision
	revision <= span[1]
}

client_request("tools/call") := always

client_request("tools/list") := always

client_request("resources/read") := always

client_request("resources/list") := always

client_request("resources/templates/list") := always

client_request("prompts/get") := always

client_request("prompts/list") := always

client_request("completion/complete") := always

client_request("initialize") := legacy

client_request("ping") := legacy

client_request("logging/setLevel") := legacy

client_request("resources/subscribe") := legacy

client_request("resources/unsubscribe") := legacy

client_request("server/discover") := modern

client_request("subscriptions/listen") := modern

client_request("tasks/get") := ["2025-11-25", "2026-07-28"]

client_request("tasks/cancel") := ["2025-11-25", "2026-07-28"]

client_request("tasks/result") := ["2025-11-25", "2025-11-25"]

client_request("tasks/list") := ["2025-11-25", "2025-11-25"]

client_request("tasks/update") := modern

server_request("sampling/createMessage") := legacy

server_request("roots/list") := legacy

server_request("elicitation/create") := ["2025-06-18", "2025-11-25"]

server_request(method) := ["2025-11-25", "2025-11-25"] if method in {"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"}

client_notification("notifications/cancelled") := always

client_notification("notifications/initialized") := legacy

client_notification("notifications/progress") := legacy

client_notification("notifications/roots/list_changed") := legacy

server_notification("notifications/progress") := always

server_notification("notifications/message") := always

server_notification("notifications/cancelled") := always

server_notification("notifications/resources/updated") := always

server_notification("notifications/resources/list_changed") := always

server_notification("notifications/tools/list_changed") := always

server_notification("notifications/prompts/list_changed") := always

server_notification("notifications/subscriptions/acknowledged") := modern

server_notification("notifications/tasks") := modern

server_notification("notifications/tasks/status") := ["2025-11-25", "2025-11-25"]

server_notification("notifications/elicitation/complete") := ["2025-11-25", "2025-11-25"]

# Whose permission a message needs: `plain` its own, the others that of the call behind it.
default manner(_) := "plain"

manner("tools/call") := "call"

manner("prompts/get") := "call"

manner("resources/read") := "call"

manner("completion/complete") := "completion"

manner("resources/subscribe") := "subscription"

manner("resources/unsubscribe") := "subscription"

manner("notifications/resources/updated") := "resource_news"

manner(method) := "task" if method in {"tasks/get", "tasks/result", "tasks/cancel", "tasks/update"}

manner(method) := "task_news" if method in {"notifications/tasks", "notifications/tasks/status"}

# What keeps a connection alive and says what there is; asked of `allow` like all else, and exempt only from `groups_unknown`.
is_housekeeping(method) if startswith(method, "notifications/")

is_housekeeping(method) if {
	method in {
		"initialize", "ping", "server/discover", "logging/setLevel", "subscriptions/listen",
		"tools/list", "resources/list", "resources/templates/list", "prompts/list",
	}
}
