package policies.files_test

import data.policies.files

call(name, arguments) := {"upstream": {"name": "files"}, "message": {"method": "tools/call", "call": {"name": name, "arguments": arguments}}}

codes(entries) := {entry.code | some entry in entries}

test_paths_stay_inside if {
	every path in ["../etc/passwd", "/srv/docs/../../etc", "a/..", "..\\windows", "%2e%2e/x"] {
		"path_outside" in codes(files.deny) with input as call("read_file", {"path": path})
	}
	files.deny == set() with input as call("read_file", {"path": "/srv/docs/a..b/notes.md"})
}

test_missing_and_odd_paths_are_refused if {
	every path in [null, 7, {"a": 7}] {
		count(files.deny) == 3 with input as call("read_text_file", {"path": path})
	}
	count(files.deny) == 3 with input as call("read_file", {})
}

test_hidden_files if {
	every path in [".env", "/srv/docs/.npmrc", "/home/a/.ssh/config", "x/.git/HEAD"] {
		codes(files.deny) == {"hidden_file"} with input as call("read_file", {"path": path})
	}
	files.deny == set() with input as call("read_file", {"path": "/var/.sallyport/docs/notes.md"})
}

test_key_files if {
	every path in ["/srv/docs/server.pem", "a/B.KEY", "id_rsa"] {
		codes(files.deny) == {"key_file"} with input as call("read_multiple_files", {"paths": ["ok.txt", path]})
	}
}

test_unknown_tools_are_looked_at_too if {
	codes(files.deny) == {"key_file"} with input as call("new_tool", {"source": "a.key"})
	files.deny == set() with input as call("new_tool", {})
	files.deny == set() with input as call("list_allowed_directories", {})
}

test_moves_wait if {
	codes(files.require_approval) == {"move"} with input as call("move_file", {"source": "a", "destination": "b"})
	files.require_approval == set() with input as call("write_file", {"path": "a"})
}
