package main

import "github.com/open-policy-agent/opa/v1/ast"

// findings is the one array of the input that grows with what a message holds.
const findings = "/findings"

// elements are the variables of a rule that stand for any finding (`some finding in input.findings`) and of which only named
// members are looked at: by variable, the pointers of these. A rule that could tell how many there are, or in which order, has none:
// one that uses the index, or collects them in an array. One that looks at no member has none either: that there is a finding is
// told by what is handed over of it.
func elements(rule *ast.Rule) map[ast.Var][]string {
	members := map[ast.Var][]string{}
	// How often a variable stands for itself: not as the head of a reference to a named member.
	whole := map[ast.Var]int{}
	bound := map[ast.Var]ast.Var{}
	depth := 0
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(node any) bool {
		switch x := node.(type) {
		case *ast.ArrayComprehension:
			depth++
			visitor.Walk(x.Term)
			visitor.Walk(x.Body)
			depth--
			return true
		case *ast.Expr:
			if variable, index, isElement := elementIn(x); isElement && depth == 0 {
				bound[variable] = index
			}
		case ast.Ref:
			if head, member, isMember := memberOf(x); isMember {
				members[head] = append(members[head], findings+"/*"+member)
				for _, term := range x[1:] {
					visitor.Walk(term)
				}
				return true
			}
		case ast.Var:
			whole[x]++
		}
		return false
	})
	visitor.Walk(rule)
	visitor.Walk(rule.Head.Reference) // which walking a rule passes over
	found := map[ast.Var][]string{}
	for variable, index := range bound {
		if whole[variable] == 1 && whole[index] == 1 && len(members[variable]) > 0 {
			found[variable] = members[variable]
		}
	}
	return found
}

// elementIn is the variable that an expression makes stand for any finding, and the one that stands for its index.
func elementIn(expr *ast.Expr) (variable, index ast.Var, isElement bool) {
	if !(expr.IsEquality() || expr.IsAssignment()) || len(expr.Operands()) != 2 || len(expr.With) > 0 || expr.Negated {
		return "", "", false
	}
	for _, sides := range [][2]int{{0, 1}, {1, 0}} {
		variable, isVar := expr.Operand(sides[0]).Value.(ast.Var)
		ref, isRef := expr.Operand(sides[1]).Value.(ast.Ref)
		if !isVar || !isRef || len(ref) != 3 || !ref[0].Equal(ast.InputRootDocument) || pointerOf(ref) != findings {
			continue
		}
		if index, isVar := ref[2].Value.(ast.Var); isVar {
			return variable, index, true
		}
	}
	return "", "", false
}

// memberOf is the variable that a reference begins with, and the way from there to a named member.
func memberOf(ref ast.Ref) (head ast.Var, pointer string, isMember bool) {
	head, isVar := ref[0].Value.(ast.Var)
	pointer = pointerOf(ref)
	return head, pointer, isVar && pointer != "" && !ref[0].Equal(ast.InputRootDocument)
}
