# METADATA
# title: Protocol
# description: What keeps a connection alive and says what there is. A source's own `policies.protocol` replaces this one whole.
package policies.protocol

# METADATA
# title: Housekeeping of the protocol
# description: Every authenticated caller may open a connection, list what is offered and send and receive the standard notifications.
# related_resources:
#   - ref: https://modelcontextprotocol.io/specification
#     description: The Model Context Protocol
# custom:
#   severity: low
#   remedy: Sign in; callers without an identity may do nothing.
allow if {
	input.actor.kind != "nobody"
	housekeeping
}

# METADATA
# title: What the protocol needs to live
housekeeping if startswith(input.message.method, "notifications/")

# METADATA
# title: What the protocol needs to live
housekeeping if {
	input.message.method in {
		"initialize", "ping", "server/discover", "logging/setLevel", "subscriptions/listen",
		"tools/list", "resources/list", "resources/templates/list", "prompts/list",
	}
}
