package sallyport_test

import data.sallyport

asked_about(input_document) := asks if {
	asks := [[ask.verdict, ask.message] | some ask in sallyport.asks] with input as input_document
}

methods_asked(input_document) := sort([line |
	some ask in asked_about(input_document)
	line := concat(" ", [ask[0], object.get(ask[1], "method", "-")])
])

bare_call := object.remove(call, ["arguments"])

use(method, used) := {"direction": "to_server", "kind": "request", "method": method, "revision": "2025-11-25", "call": used}

modern(some_message) := object.union(some_message, {"revision": "2026-07-28"})

server_request(method) := message("to_client", "request", method, {})

test_a_call_is_asked_without_what_was_said if {
	asked_about(asked) == [["allow", use("tools/call", bare_call)]]
	question_asked := sallyport.about(sallyport.asks[0].message) with input as object.union(asked, {"approval": {}, "findings": [{}]})
	object.keys(question_asked) == {"actor", "upstream", "session", "message", "now"}
}

test_a_call_that_names_nothing_is_for_nobody if {
	asked_about(question(message("to_server", "request", "tools/call", {}), {})) == [["none", {}]]
}

test_an_answer_is_asked_about_its_request if {
	asked_about(answered) == asked_about(asked)
	refused := question(message("to_client", "error", "tools/call", {}), {"request": tool_call})
	asked_about(refused) == asked_about(asked)
}

test_an_answer_without_its_request_is_for_nobody if {
	codes(decide(question(message("to_client", "result", "tools/call", {}), {}), {})) == ["not_allowed"]
	codes(decide(question(message("to_client", "result", "x", {}), {"request": server_request("ping")}), {})) == ["not_allowed"]
}

test_what_lacks_a_member_that_every_message_has_is_for_nobody if {
	every member in ["direction", "method", "revision"] {
		news := question(message("to_client", "notification", "notifications/message", {}), {"request": object.remove(tool_call, [member])})
		decision := decide(news, {"allow_server": true, "allow_other": true})
		codes(decision) == ["not_allowed"]
	}
	nameless := object.remove(object.union(modern_call, {"body": {"inputResponses": {"a": {"action": "accept"}}}}), ["method"])
	codes(decide(question(nameless, {}), {"allow_server": true})) == ["not_allowed"]
}

test_what_is_sent_while_a_request_runs_is_asked_about_both if {
	news := question(message("to_client", "notification", "notifications/message", {}), {"request": tool_call})
	methods_asked(news) == ["allow notifications/message", "allow tools/call"]
	methods_asked(question(message("to_client", "notification", "notifications/message", {}), {})) == ["allow notifications/message"]
}

test_housekeeping_is_asked_as_it_is if {
	methods_asked(question(message("to_server", "request", "tools/list", {}), {})) == ["allow tools/list"]
	methods_asked(question(message("to_server", "notification", "notifications/initialized", {}), {})) == ["allow notifications/initialized"]
	methods_asked(question(server_request("ping"), {})) == ["allow ping"]
	methods_asked(question(message("to_server", "result", "ping", {}), {"request": server_request("ping")})) == ["allow ping"]
}

test_a_subscription_is_asked_as_its_resource if {
	by_uri := question(message("to_server", "request", "resources/subscribe", {"body": {"uri": "file:///a"}}), {})
	resource := {"kind": "resource", "name": "file:///a", "annotations": {}, "template": false}
	asked_about(by_uri) == [["allow", use("resources/read", resource)]]
	by_call := question(message("to_server", "request", "resources/unsubscribe", {"call": object.union(resource, {"arguments": {}})}), {})
	asked_about(by_call) == [["allow", use("resources/read", resource)]]
	asked_about(question(message("to_server", "request", "resources/subscribe", {}), {})) == [["none", {}]]
	answer := question(message("to_client", "result", "resources/subscribe", {}), {"request": by_uri.message})
	asked_about(answer) == asked_about(by_uri)
	news := question(message("to_client", "notification", "notifications/resources/updated", {"body": {"uri": "file:///a"}}), {})
	methods_asked(news) == ["allow notifications/resources/updated", "allow resources/read"]
}

test_a_task_is_asked_as_the_call_that_made_it if {
	asked_about(question(message("to_server", "request", "tasks/get", {"call": call}), {})) == [["allow", use("tools/call", bare_call)]]
	asked_about(question(message("to_server", "request", "tasks/get", {}), {})) == [["none", {}]]
	methods_asked(question(message("to_server", "request", "tasks/list", {}), {})) == ["allow tasks/list"]
	news := message("to_client", "notification", "notifications/tasks/status", {})
	methods_asked(question(object.union(news, {"call": call}), {})) == ["allow notifications/tasks/status", "allow tools/call"]
	methods_asked(question(news, {"request": tool_call})) == ["allow notifications/tasks/status", "allow tools/call"]
	methods_asked(question(news, {})) == ["none -"]
	modern_news := modern(object.union(news, {"method": "notifications/tasks", "call": call}))
	methods_asked(question(modern_news, {})) == ["allow notifications/tasks", "allow tools/call"]
	update := modern(message("to_server", "request", "tasks/update", {"call": call}))
	methods_asked(question(update, {})) == ["allow tools/call"]
}

test_a_completion_is_asked_as_what_it_completes if {
	completion := message("to_server", "request", "completion/complete", {})
	prompt := {"kind": "prompt", "name": "greet", "annotations": {"a": 1}, "template": false}
	asked_about(question(completion, {"entries": [prompt]})) == [["allow", use("prompts/get", prompt)]]
	by_call := object.union(completion, {"call": object.union(prompt, {"arguments": {}})})
	asked_about(question(by_call, {})) == [["allow", use("prompts/get", prompt)]]
	by_name := object.union(completion, {"body": {"ref": {"type": "ref/prompt", "name": "greet"}}})
	plain := {"kind": "prompt", "name": "greet", "annotations": {}, "template": false}
	asked_about(question(by_name, {})) == [["allow", use("prompts/get", plain)]]
	by_uri := object.union(completion, {"body": {"ref": {"type": "ref/resource", "uri": "file:///{name}"}}})
	template := {"kind": "resource", "name": "file:///{name}", "annotations": {}, "template": true}
	asked_about(question(by_uri, {})) == [["allow", use("resources/read", template)]]
	asked_about(question(completion, {})) == [["none", {}]]
	answer := question(message("to_client", "result", "completion/complete", {}), {"request": by_uri})
	asked_about(answer) == [["allow", use("resources/read", template)]]
}

test_what_a_server_asks_and_the_reply_are_for_allow_server if {
	methods_asked(question(server_request("sampling/createMessage"), {})) == ["allow_server sampling/createMessage"]
	reply := question(message("to_server", "result", "roots/list", {}), {"request": server_request("roots/list")})
	asked_about(reply) == [["allow_server", {"direction": "to_server", "kind": "result", "method": "roots/list", "revision": "2025-11-25"}]]
	methods_asked(question(server_request("tasks/get"), {})) == ["allow_server tasks/get"]
	methods_asked(question(message("to_server", "notification", "notifications/tasks/status", {}), {})) == ["allow_server notifications/tasks/status"]
	decide(reply, {}).kind == "deny"
	decide(reply, {"allow": false, "allow_server": true}).reasons == [{"code": "allowed", "rule": "crm/allow_server"}]
}

test_what_a_revision_does_not_know_is_for_allow_other if {
	methods_asked(question(message("to_server", "request", "x/y", {}), {})) == ["allow_other x/y"]
	methods_asked(question(message("to_server", "request", "sampling/createMessage", {}), {})) == ["allow_other sampling/createMessage"]
	methods_asked(question(modern(message("to_server", "request", "initialize", {})), {})) == ["allow_other initialize"]
	methods_asked(question(modern(server_request("roots/list")), {})) == ["allow_other roots/list"]
	methods_asked(question(message("to_client", "notification", "notifications/x", {}), {})) == ["allow_other notifications/x"]
	methods_asked(question(message("to_server", "notification", "notifications/message", {}), {})) == ["allow_other notifications/message"]
	answer := question(message("to_client", "result", "x/y", {}), {"request": message("to_server", "request", "x/y", {"call": call})})
	asked_about(answer) == [["allow_other", {"direction": "to_server", "kind": "request", "method": "x/y", "revision": "2025-11-25", "call": bare_call}]]
	decide(answer, {}).kind == "deny"
	decide(answer, {"allow": false, "allow_other": true}).kind == "allow"
}

modern_call := modern(tool_call)

modern_answer(body) := question(modern(message("to_client", "result", "tools/call", {"body": body})), {"request": modern_call})

test_what_a_result_asks_of_the_client_is_for_allow_server if {
	wanted := {"a": {"method": "elicitation/create", "params": {}}, "b": {"method": "roots/list"}}
	methods_asked(modern_answer({"resultType": "input_required", "inputRequests": wanted})) == [
		"allow tools/call",
		"allow_server elicitation/create",
		"allow_server roots/list",
	]
	decide(modern_answer({"inputRequests": wanted}), {}).kind == "deny"
	decide(modern_answer({"inputRequests": wanted}), {"allow_server": true}).kind == "allow"
	every odd in [{"a": {"method": "x"}}, {"a": {}}, {"a": 7}, [], "x", null] {
		decision := decide(modern_answer({"inputRequests": odd}), {"allow_server": true})
		decision.kind == "deny"
	}
	decide(modern_answer({"inputRequests": {}}), {}).kind == "allow"
}

modern_reply(replies) := question(object.union(modern_call, {"body": {"inputResponses": replies}}), {})

test_what_the_client_replies_in_a_request_is_for_allow_server if {
	replies := {"a": {"action": "accept"}, "b": {"roots": []}, "c": {"role": "assistant", "model": "m"}}
	methods_asked(modern_reply(replies)) == [
		"allow tools/call",
		"allow_server elicitation/create",
		"allow_server roots/list",
		"allow_server sampling/createMessage",
	]
	decide(modern_reply(replies), {}).kind == "deny"
	decide(modern_reply(replies), {"allow_server": true}).kind == "allow"
	every odd in [{"a": {"x": 1}}, {"a": 7}, "x"] {
		decision := decide(modern_reply(odd), {"allow_server": true})
		decision.kind == "deny"
	}
}

test_a_list_has_an_entry_when_its_use_is_allowed if {
	entry := {"kind": "tool", "name": "query", "annotations": {}, "template": false}
	entries := [entry, object.union(entry, {"kind": "odd"}), object.union(entry, {"kind": "prompt"}), {"kind": "resource"}]
	list := question(message("to_client", "result", "tools/list", {}), {
		"request": message("to_server", "request", "tools/list", {}),
		"entries": entries,
	})
	decide(list, {}).listed == [0, 2]
	decide(list, {"allow": false}).listed == []
}

test_only_housekeeping_is_exempt_from_unknown_groups if {
	sallyport.housekeeping with input as question(message("to_server", "request", "initialize", {}), {})
	sallyport.housekeeping with input as question(message("to_client", "notification", "notifications/message", {}), {})
	not sallyport.housekeeping with input as question(message("to_client", "notification", "notifications/message", {}), {"request": tool_call})
	not sallyport.housekeeping with input as asked
	not sallyport.housekeeping with input as question(server_request("roots/list"), {})
	not sallyport.housekeeping with input as {}
}
