package policies.privacy_test

import data.policies.privacy

answer(groups) := {"actor": {"groups": groups}, "message": {"direction": "to_client"}}

request(findings) := {"actor": {"groups": ["support"]}, "message": {"direction": "to_server"}, "findings": findings}

codes(entries) := {entry.code | some entry in entries}

test_answers_are_masked if {
	codes(privacy.mask) == {"card_number", "us_ssn", "ssn_field", "api_key", "private_key", "jwt"} with input as answer(["support"])
	codes(privacy.mask) == {"jwt"} with input as answer(["support", "pii-readers"])
	"ci_email" in codes(privacy.mask) with input as answer(["ci"])
}

test_requests_are_not_masked if {
	privacy.mask == set() with input as request([])
}

test_secrets_stay_here if {
	every detector in ["private_key", "api_key"] {
		codes(privacy.deny) == {"secret_outbound"} with input as request([{"detector": detector}])
	}
	privacy.deny == set() with input as request([{"detector": "email"}])
	privacy.deny == set() with input as object.union(answer(["support"]), {"findings": [{"detector": "api_key"}]})
}
