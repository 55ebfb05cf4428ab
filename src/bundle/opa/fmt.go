package main

import (
	opa "github.com/open-policy-agent/opa/v1/format"
)

// format answers with the text of each module as `opa fmt` would write it.
func format(request *Request) (any, []Problem) {
	texts := map[string]string{}
	var problems []Problem
	options := request.parserOptions()
	for _, path := range request.paths() {
		text, err := opa.SourceWithOpts(path, []byte(request.Modules[path]), opa.Opts{RegoVersion: options.RegoVersion, ParserOptions: &options})
		if err != nil {
			problems = append(problems, problemsOf(err)...)
			continue
		}
		texts[path] = string(text)
	}
	return texts, problems
}
