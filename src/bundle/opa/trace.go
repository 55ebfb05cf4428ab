package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Step is what one rule of a policy made of one input, over all the times it was asked.
type Step struct {
	File string `json:"file"`
	Row  int    `json:"row"`
	// Rules are the ids that its verdicts carry; the name of the rule where it has none.
	Rules []string `json:"rules"`
	Asked int      `json:"asked"`
	// Answers are what it said, each once.
	Answers []json.RawMessage `json:"answers"`
	// Stopped has the rows of the conditions that did not hold, for the times it said nothing.
	Stopped []int `json:"stopped"`
}

// Trace is how a decision came about.
type Trace struct {
	Result any    `json:"result"`
	Steps  []Step `json:"steps"`
	// Lines that took part, by file.
	Lines map[string][]int `json:"lines"`
}

const mostAnswers = 50

type place struct {
	file string
	row  int
}

type asking struct {
	rule     *ast.Rule
	answered bool
	stopped  int
}

// tracer gathers what rules of policies answer; the library only passes the questions on.
type tracer struct {
	ids     map[place][]string
	steps   map[place]*Step
	queries map[uint64]*asking
}

func (t *tracer) Enabled() bool               { return true }
func (t *tracer) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

func (t *tracer) TraceEvent(event topdown.Event) {
	if rule, isRule := event.Node.(*ast.Rule); isRule {
		step := t.stepOf(rule)
		if step == nil {
			return
		}
		switch event.Op {
		case topdown.EnterOp:
			step.Asked++
			t.queries[event.QueryID] = &asking{rule: rule}
		case topdown.ExitOp:
			if query := t.queries[event.QueryID]; query != nil {
				query.answered = true
			}
			step.answer(answerOf(rule, &event))
		}
		return
	}
	if query := t.queries[event.QueryID]; query != nil && event.Op == topdown.FailOp && event.Location != nil {
		query.stopped = max(query.stopped, event.Location.Row)
	}
}

func (t *tracer) stepOf(rule *ast.Rule) *Step {
	if rule.Default || rule.Location == nil || rule.Module == nil {
		return nil
	}
	if path := segments(rule.Module.Package.Path); len(path) < 2 || path[0] != "policies" {
		return nil
	}
	at := place{rule.Location.File, rule.Location.Row}
	step := t.steps[at]
	if step == nil {
		ids := t.ids[at]
		if ids == nil {
			ids = []string{segments(rule.Module.Package.Path)[1] + "/" + ruleName(rule)}
		}
		step = &Step{File: at.file, Row: at.row, Rules: ids, Answers: []json.RawMessage{}, Stopped: []int{}}
		t.steps[at] = step
	}
	return step
}

func (s *Step) answer(term *ast.Term) {
	text := json.RawMessage(`"?"`)
	if value, err := ast.JSON(term.Value); err == nil {
		if printed, err := json.Marshal(value); err == nil {
			text = printed
		}
	}
	known := slices.ContainsFunc(s.Answers, func(other json.RawMessage) bool { return string(other) == string(text) })
	if !known && len(s.Answers) < mostAnswers {
		s.Answers = append(s.Answers, text)
	}
}

func answerOf(rule *ast.Rule, event *topdown.Event) *ast.Term {
	switch {
	case rule.Head.RuleKind() == ast.MultiValue && rule.Head.Key != nil:
		return event.Plug(rule.Head.Key)
	case rule.Head.Value != nil:
		return event.Plug(rule.Head.Value)
	}
	return ast.InternedTerm(true)
}

// all are the steps by file and row, with where those stopped that said nothing.
func (t *tracer) all() []Step {
	for _, query := range t.queries {
		if query.answered || query.stopped == 0 {
			continue
		}
		if step := t.stepOf(query.rule); !slices.Contains(step.Stopped, query.stopped) {
			step.Stopped = append(step.Stopped, query.stopped)
		}
	}
	steps := []Step{}
	for _, step := range t.steps {
		slices.Sort(step.Stopped)
		steps = append(steps, *step)
	}
	slices.SortFunc(steps, func(a, b Step) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row)) })
	return steps
}

// trace asks OPA's own evaluator, every rule of it: neither its index nor an early end leaves one out.
func trace(request *Request) (any, []Problem) {
	compiler, parsed, problems := request.compile()
	if len(problems) > 0 {
		return nil, problems
	}
	seen := &tracer{ids: map[place][]string{}, steps: map[place]*Step{}, queries: map[uint64]*asking{}}
	for _, module := range parsed {
		for _, rule := range rulesOf(module) {
			at := place{rule.File, rule.Row}
			seen.ids[at] = append(seen.ids[at], rule.ID)
		}
	}
	ctx := context.Background()
	query, err := rego.New(rego.Compiler(compiler), rego.Store(inmem.NewFromObject(request.Data)), rego.Query(request.Query)).PrepareForEval(ctx)
	if err != nil {
		return nil, problemsOf(err)
	}
	covered := cover.New()
	results, err := query.Eval(ctx, rego.EvalInput(request.Input), rego.EvalQueryTracer(seen), rego.EvalQueryTracer(covered), rego.EvalRuleIndexing(false), rego.EvalEarlyExit(false))
	if err != nil {
		return nil, problemsOf(err)
	}
	answer := Trace{Steps: seen.all(), Lines: map[string][]int{}}
	if len(results) == 1 && len(results[0].Expressions) == 1 {
		answer.Result = results[0].Expressions[0].Value
	}
	for path, file := range covered.Report(parsed).Files {
		if module := parsed[path]; module == nil || segments(module.Package.Path)[0] != "policies" || isTest(path) {
			continue
		}
		for _, span := range file.Covered {
			for row := span.Start.Row; row <= span.End.Row; row++ {
				answer.Lines[path] = append(answer.Lines[path], row)
			}
		}
		slices.Sort(answer.Lines[path])
		answer.Lines[path] = slices.Compact(answer.Lines[path])
	}
	return answer, nil
}
