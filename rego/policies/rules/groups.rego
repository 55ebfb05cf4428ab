package policies.rules

handled contains "groups"

among(who) if {
	some group in input.actor.groups
	who.groups[group]
}
