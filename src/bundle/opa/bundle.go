package main

import (
	"encoding/json"
	"time"
)

// StageRun is one step of the way from source to bundle.
type StageRun struct {
	Name string `json:"name"`
	Ms   int64  `json:"ms"`
	Ok   bool   `json:"ok"`
}

// BundleResult has the stages that were reached, and what they found out.
type BundleResult struct {
	Stages []StageRun `json:"stages"`
	Build  any        `json:"build,omitempty"`
	// Logs is there where the source says something about decision logs.
	Logs *LogResult `json:"logs,omitempty"`
	// Syntax and Unformatted are there where Review was asked for.
	Syntax      map[string]json.RawMessage `json:"syntax,omitempty"`
	Unformatted []string                   `json:"unformatted,omitempty"`
}

// whole checks everything, tests too, and builds the rest. The problems are those of the last stage.
func whole(request *Request) (any, []Problem) {
	result := BundleResult{}
	began := time.Now()
	done := func(name string, ok bool) bool {
		result.Stages = append(result.Stages, StageRun{Name: name, Ms: time.Since(began).Milliseconds(), Ok: ok})
		began = time.Now()
		return ok
	}
	compiler, parsed, problems := request.compile()
	if !done("check", len(problems) == 0) {
		return result, problems
	}
	problems = sorted(CheckSemantics(compiler, parsed, request.Data, request.Semantics))
	if !done("semantics", len(problems) == 0) {
		return result, problems
	}
	if request.Review {
		result.Syntax, problems = request.syntaxOf(parsed)
		if !done("lint", len(problems) == 0) {
			return result, problems
		}
		result.Unformatted, problems = request.unformatted()
		done("fmt", len(problems) == 0 && len(result.Unformatted) == 0)
		if len(problems) > 0 {
			return result, problems
		}
	}
	var paths []string
	for _, path := range request.paths() {
		if !isTest(path) && !isLogs(parsed[path]) {
			paths = append(paths, path)
		}
	}
	result.Build, problems = request.assemble(compiler, parsed, paths)
	if entrypoints := logEntrypoints(parsed); len(problems) == 0 && len(entrypoints) > 0 {
		result.Logs, problems = request.assembleLogs(parsed, entrypoints)
	}
	done("build", len(problems) == 0)
	return result, problems
}
