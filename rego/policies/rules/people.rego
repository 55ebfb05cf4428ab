package policies.rules

handled contains "people"

among(who) if {
	input.actor.kind == "person"
	has_address
	fits(who.people, input.actor.email)
}

among(who) if {
	some account in who.accounts
	account.kind == input.actor.kind
	fits(account.provider, input.actor.provider)
	fits(account.subject, input.actor.subject)
}

# Whose address nobody has verified may be any of those who are named by theirs.
perhaps_among(who) if {
	input.actor.kind == "person"
	who.by_address
	not has_address
}

has_address if is_string(input.actor.email)
