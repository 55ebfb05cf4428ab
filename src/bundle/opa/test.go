package main

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestResult is one test rule as OPA's evaluator saw it.
type TestResult struct {
	File string `json:"file"`
	Row  int    `json:"row"`
	// Package is the path below data, by slashes.
	Package  string          `json:"package"`
	Name     string          `json:"name"`
	Outcome  string          `json:"outcome"`
	Micros   int64           `json:"micros"`
	Error    string          `json:"error,omitempty"`
	Output   string          `json:"output,omitempty"`
	FailedAt *Problem        `json:"failed_at,omitempty"`
	Cases    map[string]bool `json:"cases,omitempty"`
}

// TestReport has every test and what the tests reached.
type TestReport struct {
	Tests []TestResult `json:"tests"`
	// Coverage is there where it was asked for.
	Coverage *cover.Report `json:"coverage,omitempty"`
	// Wasm has each test that was run as an entrypoint.
	Wasm []byte `json:"wasm,omitempty"`
}

func test(request *Request) (any, []Problem) {
	parsed, problems := request.parse()
	if problems = append(append(problems, tooMuch(parsed)...), intruders(parsed, request.Semantics.Library)...); len(problems) > 0 {
		return nil, problems
	}
	// The runner gives tests of one name other names.
	written := map[string]*ast.Module{}
	for path, module := range parsed {
		written[path] = module.Copy()
	}
	ctx := context.Background()
	store := inmem.NewFromObject(request.Data)
	txn, err := store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		return nil, problemsOf(err)
	}
	defer store.Abort(ctx, txn)
	compiler := ast.NewCompiler().
		WithCapabilities(request.permissive()).
		WithSchemas(request.schemaSet()).
		WithUseTypeCheckAnnotations(true).
		WithEnablePrintStatements(true).
		WithPathConflictsCheck(request.dataAt).
		SetErrorLimit(0)
	runner := tester.NewRunner().
		SetCompiler(compiler).
		SetStore(store).
		SetModules(request.withEventSchema(parsed)).
		CapturePrintOutput(true).
		SetTimeout(10 * time.Second).
		SetParallel(1).
		Filter(request.Filter)
	covered := cover.New()
	if request.Coverage {
		runner = runner.SetCoverageQueryTracer(covered)
	}
	if request.Watch {
		runner = runner.SetCoverageQueryTracer(&watch{})
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return nil, problemsOf(err)
	}
	report := TestReport{Tests: []TestResult{}}
	for result := range results {
		report.Tests = append(report.Tests, outcomeOf(result))
	}
	slices.SortFunc(report.Tests, func(a, b TestResult) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Name, b.Name))
	})
	if request.Coverage {
		lines := covered.Report(parsed)
		report.Coverage = &lines
	}
	if problems = append(forbidden(compiler, request.allowed), functionKeys(compiler, request.Semantics.Library)...); len(problems) > 0 {
		return report, problems
	}
	if entrypoints := report.entrypoints(); len(entrypoints) > 0 {
		built, problems := request.translate(written, request.paths(), entrypoints)
		if len(problems) > 0 {
			return report, problems
		}
		report.Wasm = built.WasmModules[0].Raw
	}
	return report, nil
}

var renamed = regexp.MustCompile(`#\d+$`)

// entrypoints are the tests that were run, but none where the runner had to rename one: no entrypoint is called so.
func (r TestReport) entrypoints() []string {
	var paths []string
	for _, test := range r.Tests {
		if renamed.MatchString(test.Name) {
			return nil
		}
		if test.Outcome != "skip" {
			paths = append(paths, test.Package+"/"+strings.ReplaceAll(test.Name, ".", "/"))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(paths)))
}

func outcomeOf(result *tester.Result) TestResult {
	one := TestResult{
		File:    result.Location.File,
		Row:     result.Location.Row,
		Package: strings.ReplaceAll(strings.TrimPrefix(result.Package, "data."), ".", "/"),
		Name:    result.Name,
		Outcome: "pass",
		Micros:  result.Duration.Microseconds(),
		Output:  string(result.Output),
	}
	switch {
	case result.Error != nil:
		one.Outcome, one.Error = "error", result.Error.Error()
	case result.Skip:
		one.Outcome = "skip"
	case result.Fail:
		one.Outcome = "fail"
	}
	if result.FailedAt != nil {
		at := problemAt(result.FailedAt.Location, "failed_at", result.FailedAt.String(), "")
		one.FailedAt = &at
	}
	if len(result.SubResults) > 0 {
		one.Cases = map[string]bool{}
		for path, sub := range result.SubResults.Iter {
			if len(sub.SubResults) == 0 {
				one.Cases[strings.Join(path, "/")] = !sub.Fail
			}
		}
	}
	return one
}
