package main

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// intruders are modules of the source that would add to a package of the gateway's own library.
func intruders(parsed map[string]*ast.Module, library []string) []Problem {
	if len(library) == 0 {
		return nil
	}
	owned := map[string]bool{}
	for _, path := range library {
		if module, found := parsed[path]; found {
			owned[module.Package.Path.String()] = true
		}
	}
	var problems []Problem
	for path, module := range parsed {
		if slices.Contains(library, path) {
			continue
		}
		names := segments(module.Package.Path)
		if owned[module.Package.Path.String()] || (!isTest(path) && len(names) > 0 && names[0] == "sallyport") {
			message := fmt.Sprintf("package %s belongs to the gateway's own library", module.Package.Path.String()[len("data."):])
			problems = append(problems, problemAt(module.Package.Location, "library_package", message, "write policies in a package of their own, policies.<name>"))
		}
	}
	return sorted(problems)
}
