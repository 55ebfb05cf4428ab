package policies.people

# METADATA
# title: On call
# description: Whoever is on call sees what waits for approval, and answers where a policy names the group as reviewers.
roles contains "reviewer" if "oncall" in input.actor.groups

# METADATA
# title: Audit
# description: Audit reads every record.
roles contains "auditor" if "audit" in input.actor.groups
