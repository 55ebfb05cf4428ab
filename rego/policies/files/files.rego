# METADATA
# title: Files
# description: Which places of the file server nobody may reach, whatever the group.
package policies.files

import data.sallyport

# METADATA
# title: Paths stay inside
# description: A path that climbs (`..`), or hides that it does, leaves the shared directory.
# related_resources:
#   - ref: https://owasp.org/www-community/attacks/Path_Traversal
# custom:
#   severity: high
#   remedy: Give the path without `..`.
deny contains {"code": "path_outside", "message": "paths may not climb out of the shared directory"} if {
	some path in paths
	sallyport.matches(`(^|[/\\])\.\.([/\\]|$)|%2e|\x00`, path)
}

# METADATA
# title: No hidden files
# description: Files that begin with a dot, and the directories where tools keep credentials, are not for sharing.
# related_resources:
#   - ref: https://owasp.org/www-community/attacks/Path_Traversal
# custom:
#   severity: medium
#   remedy: Keep what is to be shared in a place that does not begin with a dot.
deny contains {"code": "hidden_file", "message": "files that begin with a dot are not shared"} if {
	some path in paths
	sallyport.matches(`(^|[/\\])\.([^./\\][^/\\]*$|(git|ssh|aws|gnupg|kube|docker)[/\\])`, path)
}

# METADATA
# title: No key material
# description: Private keys and certificate stores are not read or written through the gateway.
# related_resources:
#   - ref: https://owasp.org/www-community/attacks/Path_Traversal
# custom:
#   severity: high
#   remedy: Keep keys in a secrets manager.
deny contains {"code": "key_file", "message": "key files are not shared"} if {
	some path in paths
	sallyport.matches(`(?i)(\.(pem|key|p12|pfx|jks|kdbx)|(^|[/\\])id_(rsa|dsa|ecdsa|ed25519))$`, path)
}

# METADATA
# title: Moves are looked at by two
# description: Moves wait for another person on call, since what was there is gone afterwards.
# related_resources:
#   - ref: docs/policies.md#approvals
# custom:
#   severity: medium
#   remedy: Copy instead, or ask another person on call.
require_approval contains {"code": "move", "message": "moving files needs another reviewer", "reviewers": ["oncall"]} if {
	is_file_call
	input.message.call.name == "move_file"
}

# METADATA
# title: What a call names as a path
# description: Whatever a call names as a path, missing and odd ones too, but only where the tool takes one.
paths contains path if {
	is_file_call
	some name in path_arguments[input.message.call.name]
	some path in sallyport.items(sallyport.arg(name))
}

# METADATA
# title: What any other tool names as a path
# description: Other tools may get paths in time; then they are looked at where they are given.
paths contains path if {
	is_file_call
	some name in {"path", "paths", "source", "destination"}
	sallyport.arg(name) != null
	some path in sallyport.items(sallyport.arg(name))
}

# METADATA
# title: A call of a tool of the file server
is_file_call if {
	input.upstream.name == "files"
	input.message.method == "tools/call"
}

# METADATA
# title: Which arguments of a tool are paths
path_arguments := {
	"read_file": ["path"],
	"read_text_file": ["path"],
	"read_media_file": ["path"],
	"read_multiple_files": ["paths"],
	"write_file": ["path"],
	"edit_file": ["path"],
	"move_file": ["source", "destination"],
	"create_directory": ["path"],
	"get_file_info": ["path"],
	"search_files": ["path"],
	"list_directory": ["path"],
	"list_directory_with_sizes": ["path"],
	"directory_tree": ["path"],
}
