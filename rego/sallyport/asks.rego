package sallyport

# `allow`, `allow_server` and `allow_other` are asked about parties: the message itself, the request that it answers, or both
# (what is sent to the client while a request runs is for those who may make the request).
# Of a body only the named members are read, so that the rest need not be handed over when no rule looks at it.
parties := ["request"] if {
	input.message.kind in ["result", "error"]
	input.request.kind == "request"
	input.request.direction != input.message.direction
} else := ["message", "request"] if {
	input.message.kind == "notification"
	input.message.direction == "to_client"
	input.request.kind
} else := ["message"] if {
	input.message.kind in ["request", "notification"]
}

head_of("message") := {
	"direction": input.message.direction,
	"kind": input.message.kind,
	"method": input.message.method,
	"revision": input.message.revision,
}

head_of("request") := {
	"direction": input.request.direction,
	"kind": input.request.kind,
	"method": input.request.method,
	"revision": input.request.revision,
}

# METADATA
# custom:
#   reads: [/message/call/kind, /message/call/name]
call_of("message") := input.message.call

# METADATA
# custom:
#   reads: [/request/call/kind, /request/call/name]
call_of("request") := input.request.call

uri_of("message") := input.message.body.uri

uri_of("request") := input.request.body.uri

ref_of("message") := input.message.body.ref

ref_of("request") := input.request.body.ref

# What must be answered with yes, each of it: {verdict, message}.
asks := array.concat([ask | some party in parties; some ask in asks_of_party(party)], travelling)

asks_of_party(party) := asked if {
	asked := asks_about(party, head_of(party))
} else := [nobodys]

nobodys := {"verdict": "none", "message": {}}

# Each by its own name and none by `else`: what has no answer here must not fall through to another rule.
asks_about(party, head) := asks_by(verdict_on(head), party, head)

asks_by("allow", party, head) := asks_by_allow(manner(head.method), party, head)

asks_by("allow_server", _, head) := [{"verdict": "allow_server", "message": object.union(head, as_sent)}]

asks_by("allow_other", party, head) := [{"verdict": "allow_other", "message": object.union(head, call_without_arguments(party))}]

# The server's request is asked as it stands, the client's reply to it as a reply.
as_sent := {"direction": input.message.direction, "kind": input.message.kind}

asks_by_allow("plain", _, head) := [{"verdict": "allow", "message": head}]

asks_by_allow("call", party, head) := [{
	"verdict": "allow",
	"message": object.union(head, {"call": without_arguments(call_of(party))}),
}]

# A task is judged as the call that made it.
asks_by_allow("task", party, _) := [ask_to_use(call_of(party))]

asks_by_allow("task_news", party, head) := [{"verdict": "allow", "message": head}, ask_to_use(call)] if {
	call := call_of(party)
	is_object(call)
} else := [{"verdict": "allow", "message": head}] if {
	input.request.kind
}

# A subscription and its news are judged as their resource.
asks_by_allow("subscription", party, _) := [ask_to_use(subscribed(party))]

asks_by_allow("resource_news", party, head) := [{"verdict": "allow", "message": head}, ask_to_use(subscribed(party))]

# A completion is judged as what it completes.
asks_by_allow("completion", party, _) := [ask_to_use(entry) | some entry in completed(party)]

subscribed(party) := call if {
	call := call_of(party)
	is_object(call)
} else := {"kind": "resource", "name": uri, "annotations": {}, "template": false} if {
	uri := uri_of(party)
	is_string(uri)
} else := null

# METADATA
# custom:
#   reads: [/entries/*/kind, /entries/*/name]
completed(party) := input.entries if {
	count(input.entries) > 0
} else := [call] if {
	call := call_of(party)
	is_object(call)
} else := [{"kind": "resource", "name": ref.uri, "annotations": {}, "template": contains(ref.uri, "{")}] if {
	ref := ref_of(party)
	ref.type == "ref/resource"
} else := [{"kind": "prompt", "name": ref.name, "annotations": {}, "template": false}] if {
	ref := ref_of(party)
	ref.type == "ref/prompt"
} else := [null]

# The request that would use a tool, prompt or resource.
ask_to_use(entry) := {
	"verdict": "allow",
	"message": {
		"direction": "to_server",
		"kind": "request",
		"method": use_method(entry.kind),
		"revision": input.message.revision,
		"call": without_arguments(entry),
	},
} if {
	is_string(entry.name)
} else := nobodys

use_method("tool") := "tools/call"

use_method("prompt") := "prompts/get"

use_method("resource") := "resources/read"

without_arguments(call) := object.remove(call, ["arguments"])

call_without_arguments(party) := {"call": without_arguments(call)} if {
	call := call_of(party)
	is_object(call)
} else := {}

# The modern revision lets the server ask within a result, and the client reply within its next request.
default travelling := []

travelling := array.concat(
	[ask_of_server(asked) | some asked in elements(server_asks)],
	[ask_of_client(method) | some reply in elements(client_replies); some method in methods_of(reply)],
) if {
	input.message.revision == "2026-07-28"
}

default server_asks := {}

server_asks := input.message.body.inputRequests if input.message.direction == "to_client"

default client_replies := {}

client_replies := input.message.body.inputResponses if input.message.direction == "to_server"

# Anything but an object counts as one element, which nobody allows.
elements(things) := [thing | some thing in things] if {
	is_object(things)
} else := [null]

ask_of_server(asked) := {
	"verdict": "allow_server",
	"message": {"direction": "to_client", "kind": "request", "method": asked.method, "revision": "2026-07-28"},
} if {
	asked.method in {"elicitation/create", "sampling/createMessage", "roots/list"}
} else := nobodys

ask_of_client("") := nobodys

ask_of_client(method) := {
	"verdict": "allow_server",
	"message": {"direction": "to_server", "kind": "result", "method": method, "revision": "2026-07-28"},
} if {
	method != ""
}

# A reply within a request does not name its method; its members do. One that fits several is asked as each of them.
methods_of(reply) := {method | some method, marks in reply_marks; some mark in marks; mark in object.keys(reply)} if {
	is_object(reply)
	count(object.keys(reply) & {"action", "roots", "role", "model"}) > 0
} else := {""}

reply_marks := {
	"elicitation/create": ["action"],
	"roots/list": ["roots"],
	"sampling/createMessage": ["role", "model"],
}
