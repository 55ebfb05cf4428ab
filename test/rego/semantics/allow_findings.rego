# refused: allow_reads
# without: `allow` is asked without findings, so the exclusion never excludes
# asked: {"name": "ping", "arguments": {}, "groups": [], "findings": [{"detector": "api_key", "path": "/arguments/x", "count": 1, "confidence": "high"}]}
# answer: allow
package policies.example

allow if {
	input.message.call.name == "ping"
	not has_secret
}

has_secret if some finding in input.findings
