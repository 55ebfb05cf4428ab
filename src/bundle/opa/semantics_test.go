package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

const root = "../../../"

func textsIn(t *testing.T, pattern string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(root + pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files at %s (%v)", pattern, err)
	}
	texts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(text)
	}
	return texts
}

func problemsIn(t *testing.T, modules map[string]string, data map[string]any) []Problem {
	t.Helper()
	request := &Request{Modules: map[string]string{}, Data: data, allowed: ast.CapabilitiesForThisVersion()}
	for name, text := range textsIn(t, "rego/sallyport/*.rego") {
		if !isTest(name) {
			request.Modules["sallyport/"+name] = text
			request.Semantics.Library = append(request.Semantics.Library, "sallyport/"+name)
		}
	}
	for name, text := range modules {
		request.Modules[name] = text
	}
	parsed, problems := request.parse()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return CheckSemantics(nil, parsed, data, request.Semantics)
}

func header(text, key string) string {
	for _, line := range strings.Split(text, "\n") {
		if rest, found := strings.CutPrefix(line, "# "+key+": "); found {
			return rest
		}
	}
	return ""
}

func TestEveryRefusalHasItsCodeAndARemedy(t *testing.T) {
	for name, text := range textsIn(t, "test/rego/semantics/*.rego") {
		data := map[string]any{}
		if given := header(text, "data"); given != "" {
			if err := json.Unmarshal([]byte(given), &data); err != nil {
				t.Fatal(name, err)
			}
		}
		problems := problemsIn(t, map[string]string{name: text}, data)
		if len(problems) == 0 {
			t.Errorf("%s: nothing is refused", name)
		}
		for _, problem := range problems {
			if problem.Code != header(text, "refused") || problem.Remedy == "" {
				t.Errorf("%s: %+v", name, problem)
			}
		}
	}
}

func TestWhatIsSoundIsNotRefused(t *testing.T) {
	data := map[string]any{
		"readers": []any{"oncall"}, "hidden": []any{"/a"}, "longest": map[string]any{"query": json.Number("1000")},
		"points": map[string]any{"granted": json.Number("1")},
	}
	for _, problem := range problemsIn(t, textsIn(t, "test/rego/accepted/*.rego"), data) {
		t.Errorf("%+v", problem)
	}
}

func TestThresholds(t *testing.T) {
	for text, fits := range map[string]bool{
		`{"approve": 0, "deny": 0}`:                             true,
		`{"approve": 70, "deny": 100, "reviewers": ["oncall"]}`: true,
		`{"deny": 69}`:            false,
		`{"approve": -1}`:         false,
		`{"approve": true}`:       false,
		`{"reviewers": []}`:       false,
		`{"reviewers": [""]}`:     false,
		`{"reviewers": "oncall"}`: false,
		`{"aprove": 3}`:           false,
		`[]`:                      false,
	} {
		var thresholds any
		if err := json.Unmarshal([]byte(text), &thresholds); err != nil {
			t.Fatal(err)
		}
		report := &report{}
		checkData(report, map[string]any{"thresholds": thresholds})
		if (len(report.problems) == 0) != fits {
			t.Errorf("%s: %+v", text, report.problems)
		}
	}
}
