package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// helpers are what a policy may use of the library.
var helpers = []string{"arg", "at", "exceeds", "hour", "in_group", "items", "matches", "only", "size", "within"}

// loose are true of what is missing or odd, strict are not.
var loose = map[string]string{"matches": "only", "exceeds": "within"}
var strict = []string{"only", "within"}

// patternAt is where a builtin takes its pattern.
var patternAt = map[string]int{
	"regex.match": 0, "regex.split": 0, "regex.find_n": 0, "regex.find_all_string_submatch_n": 0, "regex.replace": 1, "re_match": 0,
}

type visited struct {
	rule *ast.Rule
	// grants is what a rule gives if it holds: `allow` a permission, `roles` a role; nothing for what narrows.
	grants   string
	negative bool
}

type reach struct {
	report   *report
	policies *policies
	seen     map[visited]bool
	reached  map[*ast.Rule]bool
}

// checkReach follows every verdict through all that it refers to.
func checkReach(report *report, policies *policies) {
	r := &reach{report, policies, map[visited]bool{}, map[*ast.Rule]bool{}}
	policies.roots(func(name string, rule *ast.Rule) {
		grants := ""
		if !verdicts[name] {
			grants = "allow"
		}
		r.rule(rule, visited{rule: rule, grants: grants})
	})
	policies.givers(func(rule *ast.Rule) { r.rule(rule, visited{rule: rule, grants: roleRule}) })
	for _, path := range policies.paths() {
		module := policies.modules[path]
		for _, rule := range module.Rules {
			if !r.reached[rule] {
				report.add(rule.Location, "unused_rule", fmt.Sprintf("%s is no verdict, and no verdict refers to it", ruleName(rule)),
					"the verdicts are allow, allow_server, allow_other, deny, require_approval, risk and mask, and roles says who may use the admin API; refer to the rule from one, or leave it out")
			}
		}
		r.calls(module)
	}
}

func (r *reach) rule(rule *ast.Rule, at visited) {
	if r.seen[at] {
		return
	}
	r.seen[at] = true
	r.reached[rule] = true
	for ; rule != nil; rule = rule.Else {
		r.node(rule.Head, at)
		r.node(rule.Body, at)
	}
}

// node walks one level of polarity; below a `not` it is turned round.
func (r *reach) node(node any, at visited) {
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.Expr:
			if len(x.With) > 0 {
				r.report.add(x.Location, "with", "a policy is asked about the message as it is, and may not ask itself about another with `with`",
					"give what differs to a function")
				for _, with := range x.With {
					r.node(with.Value, at)
				}
			}
			inner := at
			if x.Negated {
				inner.negative = !at.negative
			}
			r.expr(x, at, inner)
			return true
		case ast.Ref:
			r.ref(x, at)
			for _, term := range x[1:] {
				visitor.Walk(term)
			}
			return true
		case ast.Var:
			if at.grants != "" && x.Equal(ast.InputRootDocument.Value) {
				r.forbidden(nil, "input as a whole", at)
			}
		case *ast.Term:
			if ref, isRef := x.Value.(ast.Ref); isRef {
				r.refAt(ref, x.Location, at)
				for _, term := range ref[1:] {
					visitor.Walk(term)
				}
				return true
			}
			if v, isVar := x.Value.(ast.Var); isVar && at.grants != "" && v.Equal(ast.InputRootDocument.Value) {
				r.forbidden(x.Location, "input as a whole", at)
			}
		}
		return false
	})
	visitor.Walk(node)
}

func (r *reach) expr(expr *ast.Expr, outer, inner visited) {
	terms, isTerms := expr.Terms.([]*ast.Term)
	if !isTerms {
		r.node(expr.Terms, inner)
		return
	}
	if ref, isRef := terms[0].Value.(ast.Ref); isRef {
		if name, isHelper := helperOf(ref); isHelper {
			r.polarity(name, expr, inner)
		}
		r.refAt(ref, expr.Location, inner)
	}
	for _, term := range terms[1:] {
		r.node(term, inner)
	}
	_ = outer
}

func (r *reach) polarity(name string, expr *ast.Expr, at visited) {
	instead, isLoose := loose[name]
	if !isLoose {
		return
	}
	if at.grants != "" {
		r.report.add(expr.Location, "helper_in_allow", fmt.Sprintf("sallyport.%s is true of what is missing or odd, so %s must not rest on it", name, at.grants),
			fmt.Sprintf("use sallyport.%s, which is true only of what fits", instead))
	}
	if expr.Negated || at.negative {
		r.report.add(expr.Location, "negated_helper", fmt.Sprintf("sallyport.%s is true of what is missing or odd, so under `not` that slips through", name),
			fmt.Sprintf("use `not sallyport.%s(…)`, which holds for all that does not fit", instead))
	}
}

func (r *reach) ref(ref ast.Ref, at visited) {
	r.refAt(ref, ref[0].Location, at)
}

func (r *reach) refAt(ref ast.Ref, loc *ast.Location, at visited) {
	switch {
	case isPolicyRef(ref):
		for _, rule := range r.policies.rulesAt(ref) {
			r.rule(rule, visited{rule, at.grants, at.negative})
		}
	case ref[0].Equal(ast.InputRootDocument) && at.grants != "":
		what := notForAllow(ref)
		if at.grants == roleRule {
			what = notForRoles(ref)
		}
		if what != "" {
			r.forbidden(loc, what, at)
		}
	default:
		name, isHelper := helperOf(ref)
		if isHelper && !slices.Contains(helpers, name) {
			r.report.add(loc, "library_internal", fmt.Sprintf("%s is no part of what the library offers", ref), "use sallyport."+strings.Join(helpers, ", sallyport."))
		}
		if isHelper && name == "arg" && at.grants != "" {
			r.forbidden(loc, "the arguments of a call", at)
		}
	}
}

// notForAllow says what a reference reads that `allow` is asked without.
func notForAllow(ref ast.Ref) string {
	steps := []string{}
	for _, term := range ref[1:] {
		text, isText := term.Value.(ast.String)
		if !isText {
			break
		}
		steps = append(steps, string(text))
	}
	path := strings.Join(steps, ".")
	known := len(steps) == len(ref)-1
	switch {
	case path == "":
		return "input as a whole"
	case path == "message" && !known, path == "message":
		return "input.message as a whole"
	case path == "message.call":
		return "input.message.call as a whole"
	}
	for _, closed := range []string{"message.call.arguments", "message.body", "findings", "approval", "request", "entries"} {
		if path == closed || strings.HasPrefix(path, closed+".") {
			return "input." + closed
		}
	}
	return ""
}

func (r *reach) forbidden(loc *ast.Location, what string, at visited) {
	if at.grants == roleRule {
		r.report.add(loc, "role_reads", fmt.Sprintf("roles are given whatever is called, and must not read %s", what), "roles say who may use the admin API: look at input.actor and input.now")
		return
	}
	r.report.add(loc, "allow_reads", fmt.Sprintf("allow is asked without it, and must not read %s", what),
		"allow says who may use what, by actor, upstream, method and name; write what depends on the content as a deny")
}

// calls looks at how helpers and patterns are written, wherever they stand.
func (r *reach) calls(module *ast.Module) {
	nested := func(ref ast.Ref, loc *ast.Location) {
		name, isHelper := helperOf(ref)
		if _, isLoose := loose[name]; isHelper && (isLoose || slices.Contains(strict, name)) {
			r.report.add(loc, "nested_helper", fmt.Sprintf("sallyport.%s is a condition of its own: compared with something or kept in a variable, its polarity is lost", name),
				"let it stand alone in the body, with or without `not`")
		}
	}
	ast.WalkTerms(module, func(term *ast.Term) bool {
		if call, isCall := term.Value.(ast.Call); isCall {
			ref, arguments := operator(call)
			nested(ref, term.Location)
			r.pattern(ref, arguments)
		}
		return false
	})
	ast.WalkExprs(module, func(expr *ast.Expr) bool {
		if expr.IsCall() {
			r.pattern(expr.Operator(), expr.Operands())
		}
		return false
	})
}

func (r *reach) pattern(ref ast.Ref, arguments []*ast.Term) {
	at, takes := patternAt[ref.String()]
	if name, isHelper := helperOf(ref); isHelper && (name == "matches" || name == "only") {
		at, takes = 0, true
	}
	if !takes || at >= len(arguments) {
		return
	}
	text, isText := arguments[at].Value.(ast.String)
	if !isText {
		return
	}
	if _, err := regexp.Compile(string(text)); err != nil {
		r.report.add(arguments[at].Location, "pattern", fmt.Sprintf("the pattern cannot be read: %v", err), "patterns are RE2: no look-around, no back-references (github.com/google/re2/wiki/Syntax)")
	}
}
