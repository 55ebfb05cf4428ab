package sallyport

# What can be met at run time although the check refuses it where it can be seen at build.
broken contains sprintf("%s/%s is not a boolean", [name, ask.verdict]) if {
	some ask in answered
	some name, answer in ask.answers
	not is_boolean(answer)
}

broken contains sprintf("%s/deny is not a set of objects", [name]) if {
	some name, entries in deny_sets
	not is_set(entries)
}

broken contains sprintf("an entry of %s/deny is not {code, message?}", [name]) if {
	some name, entries in deny_sets
	some entry in entries
	not is_reason(entry, ["code", "message"])
}

broken contains sprintf("%s/risk is not a set of objects", [name]) if {
	some name, entries in risk_sets
	not is_set(entries)
}

broken contains sprintf("an entry of %s/risk is not {code, points, message?} with points of 0 or more", [name]) if {
	some name, entries in risk_sets
	some entry in entries
	not is_risk(entry)
}

broken contains sprintf("%s/require_approval is not a set of objects", [name]) if {
	some name, entries in approval_sets
	not is_set(entries)
}

broken contains sprintf("an entry of %s/require_approval is not {code, reviewers, quorum?, ttl?, message?}", [name]) if {
	some name, entries in approval_sets
	some entry in entries
	not is_demand(entry)
}

broken contains sprintf("%s/mask is not a set of objects", [name]) if {
	some name, entries in mask_sets
	not is_set(entries)
}

broken contains sprintf("an entry of %s/mask is not {path | detector, with?, must?, code?, message?} of a known detector", [name]) if {
	some name, entries in mask_sets
	some entry in entries
	not is_mask(entry)
}

broken contains "a policy may not be called sallyport" if data.policies.sallyport

broken contains "data.thresholds is not {approve, deny, reviewers?} with 0 ≤ approve ≤ deny" if not thresholds_fit

is_reason(entry, keys) if {
	is_object(entry)
	is_string(entry.code)
	entry.code != ""
	is_string(object.get(entry, "message", ""))
	every key, _ in entry { key in keys }
}

is_risk(entry) if {
	is_reason(entry, ["code", "message", "points"])
	is_number(entry.points)
	entry.points >= 0
}

is_demand(entry) if {
	is_reason(entry, ["code", "message", "reviewers", "quorum", "ttl"])
	are_reviewers(entry.reviewers)
	is_quorum(object.get(entry, "quorum", 1))
	is_lifetime(object.get(entry, "ttl", "15m"))
}

are_reviewers(reviewers) if {
	is_array(reviewers)
	count(reviewers) > 0
	every reviewer in reviewers {
		is_string(reviewer)
		reviewer != ""
	}
}

is_quorum(quorum) if {
	is_number(quorum)
	quorum >= 1
	quorum == floor(quorum)
}

is_lifetime(ttl) if {
	is_string(ttl)
	regex.match(`^[1-9][0-9]{0,4}[smh]$`, ttl)
	seconds(ttl) <= 86400
}

is_mask(entry) if {
	is_object(entry)
	is_place(entry)
	every name, value in entry { is_mask_member(name, value) }
}

is_mask_member("path", _)

is_mask_member("detector", _)

is_mask_member("with", value) if not is_collection(value)

is_mask_member("must", value) if is_boolean(value)

is_mask_member("message", value) if is_string(value)

is_mask_member("code", value) if {
	is_string(value)
	value != ""
}

is_place(entry) if {
	is_pointer(entry.path)
	entry.path != ""
	every name, _ in entry { name != "detector" }
}

is_place(entry) if {
	entry.detector in detectors
	is_pointer(object.get(entry, "path", ""))
}

# RFC 6901 section 3, with `~2` for a literal `*`.
is_pointer(path) if regex.match(`^(?:/(?:[^~/]|~[012])*)*$`, path)

is_collection(value) if is_object(value)

is_collection(value) if is_array(value)

is_collection(value) if is_set(value)

default detectors := ["card_number", "us_ssn", "email", "private_key", "api_key", "jwt"]

detectors := data.sallyport_build.detectors

thresholds_fit if {
	not thresholds_odd
	is_number(thresholds.approve)
	is_number(thresholds.deny)
	thresholds.approve >= 0
	thresholds.approve <= thresholds.deny
	reviewers_fit
}

thresholds_odd if not is_object(data.thresholds)

reviewers_fit if every key, _ in thresholds { key != "reviewers" }

reviewers_fit if are_reviewers(thresholds.reviewers)
