package policies.fields_test

import data.policies.fields

test_forced if {
	fields.deny == {{"code": "forced"}} with input as {"message": {"call": {"arguments": {"force": true}}}}
}
