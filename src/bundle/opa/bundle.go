package main

import "time"

// StageRun is one step of the way from source to bundle.
type StageRun struct {
	Name string `json:"name"`
	Ms   int64  `json:"ms"`
	Ok   bool   `json:"ok"`
}

// BundleResult has the stages that were reached, and what the last of them built.
type BundleResult struct {
	Stages []StageRun `json:"stages"`
	Build  any        `json:"build,omitempty"`
}

// whole checks everything, tests too, and builds the rest. The problems are those of the last stage.
func whole(request *Request) (any, []Problem) {
	result := BundleResult{}
	began := time.Now()
	done := func(name string, problems []Problem) bool {
		result.Stages = append(result.Stages, StageRun{Name: name, Ms: time.Since(began).Milliseconds(), Ok: len(problems) == 0})
		began = time.Now()
		return len(problems) == 0
	}
	compiler, parsed, problems := request.compile()
	if !done("check", problems) {
		return result, problems
	}
	problems = sorted(CheckSemantics(compiler, parsed, request.Data, request.Semantics))
	if !done("semantics", problems) {
		return result, problems
	}
	var paths []string
	for _, path := range request.paths() {
		if !isTest(path) {
			paths = append(paths, path)
		}
	}
	result.Build, problems = request.assemble(compiler, parsed, paths)
	done("build", problems)
	return result, problems
}
