package policies.rules

handled contains "groups_of_roles"

bears(who) if {
	some group in input.actor.groups
	who.groups[group]
}
