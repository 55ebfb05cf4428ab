package policies.rules

handled contains "roles"

# METADATA
# title: Viewer by a rule
roles contains "viewer" if is_given("viewer")

# METADATA
# title: Reviewer by a rule
roles contains "reviewer" if is_given("reviewer")

# METADATA
# title: Auditor by a rule
roles contains "auditor" if is_given("auditor")

# METADATA
# title: Operator by a rule
roles contains "operator" if is_given("operator")

is_given(role) if {
	some rule in data.rules.roles
	rule.roles[role]
	bears(rule.who)
	not perhaps_bears(rule.unless)
	every condition in rule.conditions { gives(condition) }
}

# As `among`, and apart from it, so that no decision comes to depend on what roles read.
bears(who) if {
	who.everyone
	input.actor.kind != "nobody"
}

bears(who) if {
	input.actor.kind == "person"
	has_own_address
	fits(who.people, input.actor.email)
}

bears(who) if {
	some account in who.accounts
	account.kind == input.actor.kind
	fits(account.provider, input.actor.provider)
	fits(account.subject, input.actor.subject)
}

perhaps_bears(who) if bears(who)

perhaps_bears(who) if {
	input.actor.kind == "person"
	who.by_address
	not has_own_address
}

has_own_address if is_string(input.actor.email)

gives(true)
