package sallyport

# METADATA
# title: Roles
# description: |
#   Who may use the admin API, and as what: the roles that `roles contains "…"` of any policy gives. The input has `actor` and `now`
#   and nothing else. What no policy gives nobody has; where groups are unknown, rules that read them give nothing.
# entrypoint: true
default admin := set()

admin := {role |
	some name
	some role in data.policies[name].roles
} if {
	groups_suffice
}

groups_suffice if input.actor.groups_known == true

groups_suffice if data.sallyport_build.roles_read_groups == false
