# METADATA
# title: Behaviour
# description: Points for what is unusual. At `data.thresholds.approve` a call waits for a reviewer, at `deny` it is refused.
package policies.behaviour

import data.sallyport

# METADATA
# title: After hours
# description: Between 21:00 and 5:00 UTC few people work.
# related_resources:
#   - ref: docs/policies.md#risk
# custom:
#   severity: low
#   remedy: Nothing is to be done as long as it stays the only sign.
risk contains {"code": "after_hours", "points": 10} if sallyport.exceeds(sallyport.hour(input.now), 20)

# METADATA
# title: After hours
# description: The first hours of the day count too.
# custom:
#   severity: low
#   remedy: Nothing is to be done as long as it stays the only sign.
# related_resources:
#   - ref: docs/policies.md#risk
risk contains {"code": "after_hours", "points": 10} if sallyport.within(sallyport.hour(input.now), 4)

# METADATA
# title: Many refusals
# description: More than 20 refused calls in half an hour look like somebody who tries doors.
# related_resources:
#   - ref: docs/policies.md#risk
# custom:
#   severity: high
#   remedy: Look at the session's refusals before going on.
risk contains {"code": "many_denials", "points": 40} if sallyport.exceeds(input.session.denied, 20)

# METADATA
# title: Much data
# description: More than 50 MB have left in half an hour.
# related_resources:
#   - ref: docs/policies.md#risk
# custom:
#   severity: medium
#   remedy: Ask for less, or later.
risk contains {"code": "bulk_bytes", "points": 25} if sallyport.exceeds(input.session.bytes_out, 52428800)

# METADATA
# title: Destructive by its own account
# description: The server itself says that the tool may destroy something.
# related_resources:
#   - ref: https://modelcontextprotocol.io/specification/2025-11-25/server/tools
# custom:
#   severity: low
#   remedy: Nothing is to be done as long as it stays the only sign.
risk contains {"code": "destructive_tool", "points": 10} if input.message.call.annotations.destructiveHint == true
