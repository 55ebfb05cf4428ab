package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	network    = "a decision opens no connection"
	clock      = "there is no clock but `input.now`, so that the same question has the same answer"
	randomness = "there is no randomness, so that the same question has the same answer"
)

// reasons why the engine that judges leaves a builtin out.
var reasons = map[string]string{
	"http.send":          network,
	"net.lookup_ip_addr": network,
	"time.now_ns":        clock,
	"crypto.x509.parse_and_verify_certificates": clock,
	"rand.intn":               randomness,
	"uuid.rfc4122":            randomness,
	"opa.runtime":             "a decision does not depend on the machine that makes it",
	"providers.aws.sign_req":  "a decision sends no request that would need a signature",
	"rego.parse_module":       "the engine that judges has no parser of Rego",
	"strings.render_template": "the engine that judges does not have Go's templates; use sprintf or a template string",
	"crypto.x509.parse_and_verify_certificates_with_options": "the engine that judges does not build chains of certificates",
}

func forbidden(compiler *ast.Compiler, allowed *ast.Capabilities) []Problem {
	names := map[string]bool{}
	for _, builtin := range allowed.Builtins {
		names[builtin.Name] = true
	}
	var problems []Problem
	report := func(ref ast.Ref, loc *ast.Location) {
		builtin, known := ast.BuiltinMap[ref.String()]
		// A test's print goes to its report; the bundle is built without it.
		if !known || names[builtin.Name] || builtin.Name == ast.Print.Name || builtin.Name == ast.InternalPrint.Name {
			return
		}
		message := fmt.Sprintf("%s cannot be used in a policy: %s", builtin.Name, cmp.Or(reasons[builtin.Name], "the engine that judges does not run this builtin"))
		problem := problemAt(loc, "forbidden_builtin", message, "decide from the input and the data alone; `data` may carry what the builtin would have fetched")
		if !slices.Contains(problems, problem) {
			problems = append(problems, problem)
		}
	}
	for _, module := range compiler.Modules {
		ast.WalkExprs(module, func(expr *ast.Expr) bool {
			if expr.IsCall() {
				report(expr.Operator(), expr.Location)
			}
			return false
		})
		ast.WalkTerms(module, func(term *ast.Term) bool {
			if call, isCall := term.Value.(ast.Call); isCall {
				if ref, isRef := call[0].Value.(ast.Ref); isRef {
					report(ref, term.Location)
				}
			}
			return false
		})
	}
	return sorted(problems)
}
