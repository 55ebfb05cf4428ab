package main

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// RuleText is the METADATA of one rule under the id that reasons carry.
type RuleText struct {
	ID          string         `json:"id"`
	File        string         `json:"file"`
	Row         int            `json:"row"`
	Title       string         `json:"title,omitempty"`
	Description string         `json:"description,omitempty"`
	Link        string         `json:"link,omitempty"`
	Custom      map[string]any `json:"custom,omitempty"`
}

// rulesOf lists the rules of a module of policies (`<name>/<set>/<code>`, `<name>/allow`) or of the library (`sallyport/<code>`).
func rulesOf(module *ast.Module) []RuleText {
	path := segments(module.Package.Path)
	if len(path) == 0 || (path[0] != "policies" && path[0] != "sallyport") {
		return nil
	}
	prefix := "sallyport"
	if path[0] == "policies" {
		prefix = strings.Join(path[1:], "/")
	}
	var rules []RuleText
	for _, rule := range module.Rules {
		if rule.Default || len(rule.Head.Args) > 0 {
			continue
		}
		codes := codesOf(rule)
		set := prefix + "/" + rule.Head.Name.String()
		if path[0] == "sallyport" {
			set = prefix
		}
		if path[0] == "policies" && len(codes) == 0 {
			rules = append(rules, textOf(set, rule))
		}
		for _, code := range codes {
			rules = append(rules, textOf(set+"/"+code, rule))
		}
	}
	return rules
}

func textOf(id string, rule *ast.Rule) RuleText {
	text := RuleText{ID: id, File: rule.Location.File, Row: rule.Location.Row}
	for _, note := range rule.Annotations {
		text.Title, text.Description, text.Custom = note.Title, note.Description, note.Custom
		if len(note.RelatedResources) > 0 {
			text.Link = note.RelatedResources[0].Ref.String()
		}
	}
	return text
}

// codesOf are the literal codes of the objects that a rule puts into its set.
func codesOf(rule *ast.Rule) []string {
	var codes []string
	visit := func(term *ast.Term) bool {
		object, isObject := term.Value.(ast.Object)
		if !isObject {
			return false
		}
		if code := object.Get(ast.InternedTerm("code")); code != nil {
			if text, isText := code.Value.(ast.String); isText {
				codes = append(codes, string(text))
			}
		}
		return false
	}
	if name, isText := roleIn(rule); isText {
		return []string{name}
	}
	if rule.Head.Key != nil {
		ast.WalkTerms(rule.Head.Key, visit)
	}
	if len(codes) == 0 && rule.Head.RuleKind() == ast.MultiValue {
		ast.WalkTerms(rule.Body, visit)
	}
	return codes
}

// roleIn is the role that a rule gives.
func roleIn(rule *ast.Rule) (string, bool) {
	if ruleName(rule) != roleRule || rule.Head.Key == nil {
		return "", false
	}
	name, isText := rule.Head.Key.Value.(ast.String)
	return string(name), isText
}

func segments(path ast.Ref) []string {
	var names []string
	for _, term := range path[1:] {
		if name, isText := term.Value.(ast.String); isText {
			names = append(names, string(name))
		}
	}
	return names
}
