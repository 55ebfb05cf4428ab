package main

import (
	opa "github.com/open-policy-agent/opa/v1/format"
)

// format answers with the text of each module as `opa fmt` would write it.
func format(request *Request) (any, []Problem) {
	return request.formatted()
}

func (r *Request) formatted() (map[string]string, []Problem) {
	texts := map[string]string{}
	var problems []Problem
	options := r.parserOptions()
	for _, path := range r.paths() {
		text, err := opa.SourceWithOpts(path, []byte(r.Modules[path]), opa.Opts{RegoVersion: options.RegoVersion, ParserOptions: &options})
		if err != nil {
			problems = append(problems, problemsOf(err)...)
			continue
		}
		texts[path] = string(text)
	}
	return texts, problems
}
