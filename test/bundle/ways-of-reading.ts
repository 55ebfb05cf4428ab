export type Random = () => number
export const oneOf = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)]!

/** Names of members whose shape is not known, some of them such as pointers and objects have a meaning of their own for. */
export const steps = ['a', 'b', 'kind', 'name', 'a/b', '~', '*', 'constructor'] as const
const open = ['actor.claims', 'message.call.arguments', 'message.call.annotations', 'message.body', 'request.body']
const texts = ['actor.kind', 'actor.subject', 'actor.email', 'upstream.name', 'upstream.labels.tier', 'session.client.name', 'message.method', 'message.kind', 'message.call.name', 'message.call.kind', 'request.call.name', 'now']
const objects = ['actor', 'upstream', 'session', 'session.client', 'message', 'message.call', 'request.call', ...open]
const lists = ['actor.groups', 'entries', 'findings', 'approval.met']
const words = ['a', 'b', 'kind', 'name', 'person', 'crm', 'tool', 'jwt', '/a']

const written = (random: Random, step: string): string => (/^[a-z]\w*$/.test(step) && random() < 0.7 ? `.${step}` : `[${JSON.stringify(step)}]`)
const reference = (random: Random, path: readonly string[]): string => `input${path.map((step) => written(random, step)).join('')}`
const openPath = (random: Random): readonly string[] => [...oneOf(random, open).split('.'), ...Array.from({ length: random() < 0.9 ? 1 : 2 }, () => oneOf(random, steps))]

/** What stands for itself in the forms below. */
const draws: Readonly<Record<string, (random: Random) => string>> = {
  LEAF: (random) => reference(random, random() < 0.5 ? oneOf(random, texts).split('.') : openPath(random)),
  OBJECT: (random) => reference(random, oneOf(random, objects).split('.')),
  LIST: (random) => reference(random, oneOf(random, lists).split('.')),
  WORD: (random) => JSON.stringify(oneOf(random, words)),
  STEP: (random) => written(random, oneOf(random, steps)),
  MEMBER: (random) => oneOf(random, ['detector', 'path', 'count', 'confidence']),
  EACH: (random) => oneOf(random, ['some f in input.findings', 'f := input.findings[_]', 'input.findings[_] = f', 'some i, f in input.findings']),
  OTHER: (random) => oneOf(random, ['some g in input.findings', 'g := input.findings[_]']),
}

/** Conditions that end in a `v`, and behind `;;` the rules that they need: every way in which rules come to look at a part of the input. */
const forms = `
v := LEAF
v := OBJECT
x := OBJECT; v := xSTEP
x := input; v := [x.actor.kind, x.message.method]
some k in ["call", "body", WORD]; v := input.message[k].name
some k in ["message", "request"]; v := input[k].call.name
k := LEAF; v := OBJECT[k]
v := input.message.call.arguments[LEAF]
v := OBJECT[_]STEP
v := OBJECT[k][k]
v := input.entries[count(input.actor.groups)].name
v := object.get(OBJECT, ["call", "name"], WORD)
v := object.get(input, ["actor", "kind"], WORD)
v := object.get(OBJECT, "kind", LEAF)
walk(OBJECT, [p, w]); is_string(w); v := [p, w]
v := json.filter(OBJECT, ["kind", "call/name", "a"])
v := object.keys(OBJECT)
v := object.keys(object.filter(input, ["request", "approval"]))
v := object.union(OBJECT, {"z": LEAF})
v := [count(LIST), count(OBJECT)]
OBJECT != {}; v := LEAF
{"name": v, "labels": x} = input.upstream
[v, WORD] = [OBJECT, LEAF]
v := [LEAF < LEAF, OBJECT == OBJECT]
v := json.marshal(OBJECT)
v := $"{LEAF}-{LEAF}"
every x in LIST { x != LEAF }; v := LEAF
every k, x in OBJECT { k != x; k != LEAF }; v := LEAF
v := {k: x | some k, x in OBJECT}
v := {x.annotations | some x in input.entries}
not LEAF == WORD; v := {x | x := LEAF}
not OBJECT; v := 1
LEAF in input.actor.groups; v := LEAF
v := {x | some x in LIST} & {LEAF, WORD}
v := {LEAF: LEAF}
{LEAF, LEAF}[v]
v := {"a": OBJECT}.a.kind
v := data.tables.t[LEAF]
some k in data.tables.keys; v := input[k]
v := sallyport.at(sallyport.arg("list"), [LEAF])
v := sallyport.arg(WORD)
not sallyport.only("^[a-t]", LEAF); v := LEAF
v := everything.actor.subject
v := spoken[LEAF]
v := data.policies.other.one
some k in ["one", "three"]; v := data.policies.other[k]
x := data.policies.other; v := x.three
v := data.policies.other[LEAF]
some k, w in data.policies.other; v := [k, w]
v := g(OBJECT) ;; g(x) := xSTEP
v := g(LEAF) ;; g(x) := [x, LEAF] if x == WORD else := LEAF if { LEAF } else := x
v := g(LEAF) ;; g(x) := [x, LEAF]
v := g(LEAF) ;; default g(_) := "none" ;; g(WORD) := LEAF
v := g(object.filter(OBJECT, ["kind", "name"])) ;; g({"kind": k, "name": n}) := [k, n]
v := h ;; h := LEAF if LEAF == WORD else := LEAF if LEAF != WORD else := [z | z := LEAF]
v := h ;; default h := {y | y := LEAF} ;; h := 3 if LEAF == WORD
v := h ;; h[k] contains LEAF if some k in ["a", "b"]
v := h.deep ;; h.deep[LEAF].z contains LEAF if LEAF != WORD
v := h ;; h[LEAF] := LEAF
v := h.two ;; h.one := LEAF ;; h.two := LEAF if LEAF
v := h ;; h := inner if LEAF ;; inner := LEAF if LEAF else := LEAF
EACH; v := f.MEMBER
EACH; v := 1
EACH; f.MEMBER == WORD; v := f.MEMBER
EACH; OTHER; f.detector == g.detector; v := [f.MEMBER, g.MEMBER]
EACH; OTHER; f != g; v := f.MEMBER
EACH; f.MEMBER != WORD; some k in ["path", "count"]; v := f[k]
EACH; not f.MEMBER == WORD; v := $"{f.path}"
EACH; v := {g.path | OTHER; g.detector == f.detector}
EACH; {"detector": v, "path": "/a", "count": 1, "confidence": "high"} = f
v := [f.MEMBER | EACH]
v := {f.MEMBER | EACH}
v := count({f | EACH; f.detector == "jwt"})
v := sum([f.count | EACH])
some i, f in input.findings; f.MEMBER != WORD; v := i
f := input.findings[i]; f.MEMBER != WORD; v := input.entries[i].name
v := input.findings[count(input.entries)].MEMBER
every f in input.findings { f.MEMBER != WORD }; v := 1
EACH; f.count > 0; g(f); v := f.path ;; g(x) if x.MEMBER != WORD
v := h ;; h contains f.MEMBER if { EACH; f.MEMBER != WORD }
v := count(h) ;; h[f] := 1 if { EACH; f.MEMBER != WORD }
v := count(h.x) ;; h.x[f].y contains 1 if { EACH; f.MEMBER != WORD }
v := h ;; h[f.path] contains f.MEMBER if { EACH }
not h; v := 1 ;; h if { EACH; f.MEMBER == WORD }
`.trim().split('\n')

export const waysOfReading = forms.length

/** A policy whose one entry says what it was found to read. */
export function readingIn(random: Random, form: number, name: string): string {
  const [body = '', ...rules] = forms[form]!.replaceAll(/\b(?:LEAF|LIST|WORD|MEMBER|EACH|OTHER)\b|\bOBJECT|STEP/g, (draw) => draws[draw]!(random)).split(' ;; ')
  const imports = 'import data.sallyport\nimport input as everything\nimport input.message.call.arguments as spoken'
  return [`package policies.${name}`, imports, `mask contains {"path": "/${name}", "with": sprintf("%v", [v])} if {\n\t${body}\n}`, ...rules].join('\n\n') + '\n'
}
