package main

import "github.com/open-policy-agent/opa/v1/ast"

// checkKeywords refuses `and`, `or` and what `import future.keywords.not` makes of `not`: not every check looks into them, so that what
// is refused elsewhere would pass inside. Tests are run, and looked into by none.
func checkKeywords(report *report, path string, module *ast.Module) {
	if isTest(path) {
		return
	}
	ast.WalkExprs(module, func(expr *ast.Expr) bool {
		switch expr.Terms.(type) {
		case *ast.Not:
			report.add(expr.Location, "keyword", "this `not` is that of `import future.keywords`, `future.keywords.not` or `rego.v2`, which the check does not look into",
				"leave the import out; to deny several conditions at once, give them to a rule of their own and write `not` before its name")
		case *ast.LogicalAnd, *ast.LogicalOr:
			report.add(expr.Location, "keyword", "the check does not look into `and` and `or`",
				"write conditions that must all hold on lines of their own, and those of which one suffices as a rule with several bodies")
		}
		return false
	})
}
