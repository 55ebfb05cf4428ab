package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// roleRule is the set in which a policy says who is what in the admin API. It judges no message.
const roleRule = "roles"

var roleNames = []string{"viewer", "reviewer", "auditor", "operator"}

// forRoles are the parts of the input that there are when roles are asked for.
var forRoles = []string{"actor", "now"}

const howToGive = "write `roles contains \"reviewer\" if \"oncall\" in input.actor.groups`"

func checkRole(report *report, rule *ast.Rule) {
	switch {
	case len(rule.Head.Args) > 0:
		report.add(rule.Location, "role_type", "roles is a function, and nobody would call it", howToGive)
	case len(rule.Head.Ref()) > 1:
		report.add(rule.Location, "role_type", "roles has members of its own, where names of roles are expected", howToGive)
	case rule.Head.RuleKind() != ast.MultiValue:
		report.add(rule.Location, "role_type", "roles must be a set", howToGive)
	default:
		name, isText := rule.Head.Key.Value.(ast.String)
		if !isText {
			report.add(rule.Head.Key.Location, "role_name", "the name of a role must be written out where the rule begins", howToGive)
		} else if !slices.Contains(roleNames, string(name)) {
			report.add(rule.Head.Key.Location, "role_name", fmt.Sprintf("there is no role %s", name), "the roles are "+strings.Join(roleNames, ", "))
		}
	}
}

// givers are the rules that give roles.
func (p *policies) givers(visit func(rule *ast.Rule)) {
	for _, path := range p.paths() {
		for _, rule := range p.modules[path].Rules {
			if ruleName(rule) == roleRule {
				visit(rule)
			}
		}
	}
}

// notForRoles says what a reference reads that is not there when roles are asked for.
func notForRoles(ref ast.Ref) string {
	if len(ref) < 2 || !isText(ref[1]) {
		return "input as a whole"
	}
	first, _ := ref[1].Value.(ast.String)
	if slices.Contains(forRoles, string(first)) {
		return ""
	}
	return "input." + string(first)
}

// ofRoles are the rules of policies that only roles come to: no decision depends on what they read.
func ofRoles(compiler *ast.Compiler) map[*ast.Rule]bool {
	reach := func(wanted func(name string) bool) map[*ast.Rule]bool {
		reached := map[*ast.Rule]bool{}
		var visit func(rule *ast.Rule)
		visit = func(rule *ast.Rule) {
			for branch := rule; branch != nil && !reached[branch]; branch = branch.Else {
				reached[branch] = true
				for next := range compiler.Graph.Dependencies(branch) {
					if dependency, isRule := next.(*ast.Rule); isRule {
						visit(dependency)
					}
				}
			}
		}
		for path, module := range compiler.Modules {
			for _, rule := range module.Rules {
				if !isTest(path) && isOfPolicy(rule) && wanted(ruleName(rule)) {
					visit(rule)
				}
			}
		}
		return reached
	}
	judging := reach(isVerdict)
	found := map[*ast.Rule]bool{}
	for rule := range reach(func(name string) bool { return name == roleRule }) {
		if !judging[rule] && isOfPolicy(rule) {
			found[rule] = true
		}
	}
	return found
}
