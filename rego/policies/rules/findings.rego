package policies.rules

handled contains "finding"

holds(condition) if {
	condition.kind == "finding"
	some finding in input.findings
	condition.detectors[finding.detector]
}
