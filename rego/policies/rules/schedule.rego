package policies.rules

handled contains "time"

# The day and the time of day where the rule's clock hangs, such as `Fri 17:30`; nothing where `input.now` is no time.
local(zone) := time.format([time.parse_rfc3339_ns(input.now), zone, "Mon 15:04"])

is_in(condition) if {
	now := local(condition.zone)
	condition.days[substring(now, 0, 3)]
	some span in condition.spans
	span[0] <= substring(now, 4, 5)
	substring(now, 4, 5) < span[1]
}

is_told(condition) if local(condition.zone)
