package policies.rules

handled contains "time"

# The day of the week and the minute of the day where the rule's clock hangs; nothing where `input.now` is no time.
local(zone) := {"day": day, "minute": (60 * hour) + minute} if {
	is_string(input.now)
	moment := time.parse_rfc3339_ns(input.now)
	[hour, minute, _] := time.clock([moment, zone])
	day := substring(lower(time.weekday([moment, zone])), 0, 3)
}

is_in(condition) if {
	now := local(condition.zone)
	condition.days[now.day]
	some span in condition.spans
	span[0] <= now.minute
	now.minute < span[1]
}

is_told(condition) if local(condition.zone)
