package main

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// hoisted: what stands in a variable or as a key is worked out before the `not` that it is used under.
func (s *silence) hoisted(expr *ast.Expr, scope scope) {
	if !expr.Negated || scope.negative {
		return
	}
	ast.WalkTerms(expr, func(term *ast.Term) bool {
		switch x := term.Value.(type) {
		case ast.Var:
			if v := scope.vars[x]; v.taint == open {
				s.refuse(expr.Location, v, "kept in a variable and used under `not`", "write it out under the `not`, or use sallyport.arg(…) or sallyport.at(…, […]), which are null for what is missing")
			}
		case ast.Call:
			if v := s.of(term, scope); v.taint == open {
				s.refuse(expr.Location, v, "asked under `not`", "give the function a case for everything: a last `else :=`, or a `default`")
			}
		case ast.Ref:
			for _, step := range x[1:] {
				if v := s.of(step, scope); v.taint == open {
					s.refuse(expr.Location, v, "a key under `not`", "use sallyport.arg(…) or sallyport.at(…, […]), which are null for what is missing")
				}
			}
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			return true
		}
		return false
	})
}

// neverFalse: rules that are true under a condition are otherwise nothing, and nothing equals nothing.
func (s *silence) neverFalse(term, other *ast.Term) {
	if !other.Equal(ast.BooleanTerm(false)) {
		return
	}
	ref, _ := term.Value.(ast.Ref)
	if call, isCall := term.Value.(ast.Call); isCall {
		ref, _ = operator(call)
	}
	if !isPolicyRef(ref) || len(ref) != 4 {
		return
	}
	for _, rule := range s.policies.rulesAt(ref) {
		for ; rule != nil; rule = rule.Else {
			if rule.Head.Value == nil || !rule.Head.Value.Equal(ast.BooleanTerm(true)) {
				return
			}
		}
	}
	s.report.add(term.Location, "silent", fmt.Sprintf("%s is true or nothing, and never false, so the rule would say nothing", asWritten.Replace(ref.String())), "write `not` before it")
}

// iterated: a text has no elements, and neither has what is missing. Keys that a table of the source has not got are meant so; data
// that the source has not got at all is a word misspelt, in a mask too.
func (s *silence) iterated(term *ast.Term, v value, scope scope) {
	if v.taint == clean || v.collection || v.lookup || scope.negative || (s.inMask && !v.noData) {
		return
	}
	s.refuse(term.Location, v, "iterated over", "use sallyport.items(…), which makes whatever is no collection an item of its own")
}

// takenApart: a pattern such as `[a, b]` fits only what has that shape.
func (s *silence) takenApart(pattern *ast.Term, v value, scope scope) {
	switch pattern.Value.(type) {
	case *ast.Array, ast.Object:
	default:
		return
	}
	if pattern.IsGround() || scope.negative || (v.taint == clean && !v.result) {
		return
	}
	if v.shown == "" {
		v.shown = "what a call gives"
	}
	s.refuse(pattern.Location, v, "taken apart", "use sallyport.at(…, […]), which is null for what is not there")
}
