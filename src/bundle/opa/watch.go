package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// watch tells which test is run, before it is run: a test that never ends, or that takes all memory, can say nothing by itself.
type watch struct {
	last *ast.Rule
}

func (*watch) Enabled() bool {
	return true
}

func (*watch) Config() topdown.TraceConfig {
	return topdown.TraceConfig{}
}

func (w *watch) TraceEvent(event topdown.Event) {
	rule, isRule := event.Node.(*ast.Rule)
	if event.Op != topdown.EnterOp || !isRule || rule == w.last || !strings.HasPrefix(ruleName(rule), tester.TestPrefix) {
		return
	}
	w.last = rule
	fmt.Fprintf(os.Stderr, "at %s %d %s\n", rule.Location.File, rule.Location.Row, rule.Module.Package.Path.Extend(rule.Head.Ref().GroundPrefix()))
}
