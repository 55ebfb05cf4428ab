package main

import (
	"cmp"
	"slices"
)

// OutlinedRule is one rule of a policy with its text, printed alike however it was written.
type OutlinedRule struct {
	RuleText
	Text string `json:"text"`
}

// outline lists the rules of policies, helpers and defaults included, under the ids that verdicts carry where they have one.
func outline(request *Request) (any, []Problem) {
	parsed, problems := request.parse()
	if len(problems) > 0 {
		return nil, problems
	}
	rules := []OutlinedRule{}
	for path, module := range parsed {
		names := segments(module.Package.Path)
		if isTest(path) || len(names) < 2 || names[0] != "policies" {
			continue
		}
		for _, rule := range module.Rules {
			ids := codesOf(rule)
			set := names[1] + "/" + ruleName(rule)
			for at := range ids {
				ids[at] = set + "/" + ids[at]
			}
			if len(ids) == 0 || rule.Default || len(rule.Head.Args) > 0 {
				ids = []string{set}
			}
			for _, id := range ids {
				bare := rule.Copy()
				bare.Annotations = nil
				rules = append(rules, OutlinedRule{RuleText: textOf(id, rule), Text: bare.String()})
			}
		}
	}
	slices.SortFunc(rules, func(a, b OutlinedRule) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row))
	})
	return rules, nil
}
