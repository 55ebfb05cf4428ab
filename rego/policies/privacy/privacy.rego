# METADATA
# title: Privacy
# description: What of an answer is replaced before the caller sees it, and what may not be sent to a server.
package policies.privacy

import data.sallyport

# METADATA
# title: Card numbers
# description: Payment card numbers are replaced, except for the few who are cleared to read them.
# related_resources:
#   - ref: https://www.pcisecuritystandards.org/
# custom:
#   severity: high
#   remedy: Work with the customer's id; membership in `pii-readers` shows the number.
mask contains {"code": "card_number", "detector": "card_number", "with": "[CARD]"} if {
	is_shown_to_others
}

# METADATA
# title: Social security numbers
# description: US social security numbers are replaced wherever they are found.
# related_resources:
#   - ref: https://www.ssa.gov/employer/randomization.html
# custom:
#   severity: high
#   remedy: Membership in `pii-readers` shows the number.
mask contains {"code": "us_ssn", "detector": "us_ssn", "with": "[SSN]"} if {
	is_shown_to_others
}

# METADATA
# title: The field ssn
# description: The field `ssn` of a structured answer is replaced whatever stands in it.
# related_resources:
#   - ref: https://www.ssa.gov/employer/randomization.html
# custom:
#   severity: high
#   remedy: Membership in `pii-readers` shows the field.
mask contains {"code": "ssn_field", "path": "/structuredContent/**/ssn", "with": "[SSN]"} if {
	is_shown_to_others
}

# METADATA
# title: API keys
# description: Credentials of other services are of no use to the reader of an answer, and are replaced.
# related_resources:
#   - ref: https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html
# custom:
#   severity: critical
#   remedy: Have the key replaced by its owner; it should not have been in the data.
mask contains {"code": "api_key", "detector": "api_key", "with": "[API KEY]"} if {
	is_shown_to_others
}

# METADATA
# title: Private keys
# description: Private keys are replaced.
# related_resources:
#   - ref: https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html
# custom:
#   severity: critical
#   remedy: Have the key replaced by its owner; it should not have been in the data.
mask contains {"code": "private_key", "detector": "private_key", "with": "[PRIVATE KEY]"} if {
	is_shown_to_others
}

# METADATA
# title: Tokens
# description: JSON Web Tokens are somebody's session, and are replaced for everybody.
# related_resources:
#   - ref: https://www.rfc-editor.org/rfc/rfc8725
# custom:
#   severity: high
#   remedy: Ask for a token of your own.
mask contains {"code": "jwt", "detector": "jwt", "with": "[TOKEN]"} if {
	input.message.direction == "to_client"
}

# METADATA
# title: Mail addresses in pipelines
# description: The logs of pipelines are read by many; mail addresses are replaced.
# related_resources:
#   - ref: https://gdpr-info.eu/art-25-gdpr/
# custom:
#   severity: medium
#   remedy: Work with the customer's id.
mask contains {"code": "ci_email", "detector": "email", "with": "[EMAIL]"} if {
	input.message.direction == "to_client"
	sallyport.in_group("ci")
}

# METADATA
# title: No secrets to servers
# description: A private key or API key in a call would be the server's from then on.
# related_resources:
#   - ref: https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html
# custom:
#   severity: critical
#   remedy: Leave the secret out; the gateway itself adds what the server needs.
deny contains {"code": "secret_outbound", "message": "a secret may not be sent to a server"} if {
	input.message.direction == "to_server"
	some finding in input.findings
	finding.detector in {"private_key", "api_key"}
}

# METADATA
# title: An answer to somebody who is not cleared
is_shown_to_others if {
	input.message.direction == "to_client"
	not sallyport.in_group("pii-readers")
}
