import type { Worker } from 'node:worker_threads'
import { availableParallelism } from 'node:os'
import { runInThisContext } from 'node:vm'
import { createPolicyEngine, type Observation, type PolicyEngine, type PolicyEngineOptions } from '../../src/policy/engine.ts'
import type { BuiltBundle } from '../../src/policy/bundle.ts'
import type { Decision, Question } from '../../src/model.ts'
import { allow, build, bundleOf, createLog, library, openCompiler, question } from './support.ts'

const compiler = openCompiler()
const engines: PolicyEngine[] = []
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.close()))
  await compiler.close()
})

function open(more: Partial<PolicyEngineOptions> = {}): PolicyEngine & { log: ReturnType<typeof createLog>['lines']; observed: Observation[] } {
  const { lines, logger } = createLog()
  const observed: Observation[] = []
  const engine = createPolicyEngine({ detectors: ['us_ssn'], logger, observe: (observation) => observed.push(observation), ...more })
  engines.push(engine)
  return { ...engine, log: lines, observed }
}

/** Sound on the question that an activation asks; what is tried happens when the body says so. */
const sound = `decision := {"kind": "allow", "reasons": [{"code": "allowed", "rule": "x/allow"}], "risk": 0, "listed": []} if not input.message.body.go`
async function bundle(rules: string, more: Partial<BuiltBundle> = {}): Promise<BuiltBundle> {
  return bundleOf(await compiler.compile(`${sound}\n\n${rules}`), more)
}
async function opened(rules: string, options: Partial<PolicyEngineOptions> = {}): Promise<ReturnType<typeof open>> {
  const engine = open(options)
  await engine.activate(await bundle(rules))
  return engine
}

const isPolicyError = (decision: Decision): boolean => decision.kind === 'deny' && decision.reasons.length === 1 && decision.reasons[0]?.rule === 'sallyport/policy_error'
const large = 'x'.repeat(400 * 1024)

test('without a bundle everything is denied, and no bundle is named', async () => {
  const engine = open()
  const decision = await engine.decide(question())
  expect(isPolicyError(decision)).toBe(true)
  expect(decision.bundle).toBe('none')
  expect(engine.active()).toBeUndefined()
})

test('a question is decided by the active bundle, which the decision names', async () => {
  const engine = open()
  const active = await bundle('')
  await engine.activate(active)
  expect(await engine.decide(question())).toEqual({ kind: 'allow', reasons: [{ code: 'allowed', rule: 'x/allow' }], risk: 0, listed: [], bundle: active.digest })
  expect(engine.active()).toEqual({ digest: active.digest, revision: active.revision, rules: {}, reads_groups: false })
  expect(engine.observed).toMatchObject([{ outcome: 'ok', bytes: expect.any(Number), micros: expect.any(Number) }])
})

const verdict = (kind: string): string => `{"kind": "${kind}", "reasons": [{"code": "a", "rule": "x/a"}], "risk": 0, "listed": []}`
/** What the rule answers when it is asked for by its name. */
const faults: readonly (readonly [name: string, values: readonly string[], more?: string])[] = [
  ['[]: no rule holds', []],
  ['true', ['true']],
  ['an unknown kind', [verdict('permit')]],
  ['a kind that lacks its parts', [verdict('mask')]],
  ['two answers at once', [verdict('allow'), verdict('deny')]],
  ['a missing builtin', ['http.send({"method": "get", "url": "http://127.0.0.1:9/"})']],
  ['a loop of 10^10 turns', ['count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j])']],
  ['a triple loop over a small range', ['count([1 | some i in numbers.range(1, 200); some j in numbers.range(1, 200); some k in numbers.range(1, 200); i + j + k < 0])']],
  ['1 GB of memory', [`count([s | some i in numbers.range(1, 100000); s := concat("", [x | some _ in numbers.range(1, 100); x := "${'0123456789'.repeat(10)}"])])`]],
  ['memory that doubles', ['count(s40)'], ['s0 := "0123456789"', ...Array.from({ length: 40 }, (_, index) => `s${index + 1} := concat("", [s${index}, s${index}])`)].join('\n\n')],
  ['a pattern that backtracking could not end', [`regex.split(\`(\\w+\\s?)*$\`, concat("", [x | some _ in numbers.range(1, 1000); x := "${'a'.repeat(60)}!"]))`]],
  ['an answer of megabytes', [`[x | some _ in numbers.range(1, 100000); x := "${'0123456789'.repeat(5)}"]`]],
]

describe.each([['here', {}], ['on a thread', { big: large }]])('judged %s', (_where, body) => {
  let engine: ReturnType<typeof open>
  beforeAll(async () => {
    engine = await opened(faults.flatMap(([name, values, more]) => [...values.map((value) => `decision := ${value} if input.message.body.go == "${name}"`), more ?? '']).join('\n\n'))
    await engine.decide(question({ ...body }))
  })

  test.each(faults.map(([name]) => name))('%s is denied as policy_error at once, and the next question is answered', async (name) => {
    const seen = { observed: engine.observed.length, log: engine.log.length }
    const before = process.cpuUsage()
    const decision = await engine.decide(question({ go: name, ...body }))
    const { user, system } = process.cpuUsage(before)
    expect(isPolicyError(decision)).toBe(true)
    expect(decision.bundle).toBe(engine.active()?.digest)
    // Left alone each of them works for minutes. What is counted is work, not time, since other tests run beside this one.
    expect((user + system) / 1000).toBeLessThan(2000)
    expect((await engine.decide(question({ ...body }))).kind).toBe('allow')
    expect(engine.observed.slice(seen.observed).map(({ outcome }) => outcome)).toEqual(['policy_error', 'ok'])
    expect(engine.log.slice(seen.log)).toHaveLength(1)
  })
})

test('a thread that misses its deadline is ended, its question is denied, and another takes over', async () => {
  const deadlines = [0, 10_000]
  const engine = await opened(`decision := count([1 | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i == j]) if input.message.body.go`, { threads: 1, deadline: () => deadlines.shift() ?? 10_000 })
  expect(isPolicyError(await engine.decide(question({ go: true, big: large })))).toBe(true)
  expect((await engine.decide(question({ big: large }))).kind).toBe('allow')
})

test('a question that cannot be printed is denied', async () => {
  const engine = await opened('')
  let deep: Record<string, never> | object = {}
  for (let level = 0; level < 20_000; level += 1) deep = { deep }
  expect(isPolicyError(await engine.decide(question({ deep } as never)))).toBe(true)
})

test('many questions at once, small and large, each get their own answer', async () => {
  const engine = await opened('decision := {"kind": "deny", "reasons": [{"code": input.message.body.code, "rule": "x/deny/x"}], "risk": 0, "listed": []} if input.message.body.go')
  const asked = Array.from({ length: 60 }, (_, index) => question({ go: true, code: `c${index}`, ...(index % 3 === 0 ? { big: large } : {}) }))
  const decisions = await Promise.all(asked.map((one) => engine.decide(one)))
  expect(decisions.map(({ reasons }) => reasons[0]?.code)).toEqual(asked.map((_, index) => `c${index}`))
})

test('a runaway is moved to a thread: other questions are answered while it runs', async () => {
  const engine = await opened('decision := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j]) if input.message.body.go')
  let ended = false
  const runaway = engine.decide(question({ go: true })).finally(() => {
    ended = true
  })
  // None of these waits for more than what is said at once, and a thread's answer comes later than that.
  for (let asked = 0; asked < 4; asked += 1) expect((await engine.decide(question())).kind).toBe('allow')
  expect(ended).toBe(false)
  expect(isPolicyError(await runaway)).toBe(true)
})

test('what needs more than is spent at once is judged in full on a thread', async () => {
  const engine = await opened('decision := {"kind": "deny", "reasons": [{"code": "late", "rule": "x/deny/late"}], "risk": count([1 | some i in numbers.range(1, 200); some j in numbers.range(1, 100); i == j]), "listed": []} if input.message.body.go')
  expect(await engine.decide(question({ go: true }))).toMatchObject({ kind: 'deny', risk: 100, reasons: [{ code: 'late' }] })
})

test('more runaways than can be judged are denied, and calls after them are answered', async () => {
  const engine = await opened('decision := count([1 | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i == j]) if input.message.body.go')
  const decisions = await Promise.all(Array.from({ length: 60 }, () => engine.decide(question({ go: true }))))
  expect(decisions.every(isPolicyError)).toBe(true)
  expect(engine.log.some(({ fields }) => String(fields?.['detail']).includes('too much waits'))).toBe(true)
  expect((await engine.decide(question())).kind).toBe('allow')
})

const looping = (to: string) => `{"kind": "deny", "reasons": [{"code": "late", "rule": "x/deny/late"}], "risk": count([1 | some i in numbers.range(1, ${to}); some j in numbers.range(1, 100); i == j]), "listed": []}`

test('what is decided does not depend on how much is spent at once, which depends on what came before', async () => {
  const engine = await opened(`decision := ${looping('input.message.body.go')} if input.message.body.go`)
  const asked = [10, 40, 80, 160, 320, 640, 1000, 20_000]
  const decided = async (): Promise<readonly unknown[]> => {
    const decisions = await Promise.all(asked.map((go) => engine.decide(question({ go }))))
    return decisions.map((decision) => (isPolicyError(decision) ? 'policy_error' : decision.risk))
  }
  const first = await decided()
  expect(first).toEqual([10, 40, 80, 100, 100, 100, 100, 'policy_error'])
  for (let time = 0; time < 5; time += 1) expect(await decided()).toEqual(first)
  for (let time = 0; time < 3_000; time += 1) await engine.decide(question())
  expect(await decided()).toEqual(first)
})

test('what takes no more than is ever spent at once is judged, however many come together', async () => {
  const engine = await opened(`decision := ${looping('input.message.body.go')} if input.message.body.go`)
  for (const go of [60, 80, 100]) {
    const decisions = await Promise.all(Array.from({ length: 200 }, () => engine.decide(question({ go }))))
    expect(decisions.filter(isPolicyError)).toHaveLength(0)
    // Little is taken for a long time, and so little is spent.
    for (let time = 0; time < 1_500; time += 1) await engine.decide(question())
  }
})

const by = (subject: string): Partial<Question> => ({ actor: { kind: 'person', subject, issuer: 'https://idp.example', provider: 'idp', groups: [], groups_known: true, claims: {} } })

test.each([
  ['that is small', 'small', 60],
  ['that is large', large, 20],
])('one caller\'s runaways neither deny nor hold up a long judgement of another %s', async (_name, big, count) => {
  const engine = await opened(`decision := ${looping('input.message.body.go')} if input.message.body.go`)
  let denied = 0
  const runaways = Array.from({ length: count }, () => engine.decide(question({ go: 30_000, big }, by('mallory'))).then((decision) => (denied += isPolicyError(decision) ? 1 : 0)))
  const decision = await engine.decide(question({ go: 400, big }, by('ann')))
  expect(decision).toMatchObject({ risk: 100, reasons: [{ code: 'late' }] })
  expect(denied).toBeLessThan(0.75 * count)
  await Promise.all(runaways)
  expect(denied).toBe(count)
})

test('large questions do not wait for runaways', async () => {
  const engine = await opened('decision := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j]) if input.message.body.go')
  await Promise.all([engine.decide(question({ go: true })), engine.decide(question({ big: large }))])
  let denied = 0
  const runaways = Array.from({ length: 20 }, () => engine.decide(question({ go: true })).then((decision) => (denied += isPolicyError(decision) ? 1 : 0)))
  expect((await engine.decide(question({ big: large }))).kind).toBe('allow')
  expect(denied).toBeLessThan(15)
  await Promise.all(runaways)
  expect(denied).toBe(20)
})

test('a thread that others keep from working is not ended for it', async () => {
  const hard = `decision := ${looping('1500')} if input.message.body.go`
  let deadline = 60_000
  // So many at once take several times as long as one, whatever the machine; each of them works no more than it does alone.
  const threads = 4 * availableParallelism()
  const engine = await opened(hard, { threads, deadline: () => deadline })
  const ask = () => engine.decide(question({ go: true, big: large }))
  await Promise.all(Array.from({ length: 2 * threads }, ask))
  const began = performance.now()
  await ask()
  deadline = 2 * (performance.now() - began)
  const decisions = await Promise.all(Array.from({ length: 2 * threads }, ask))
  expect(decisions.map(({ reasons }) => reasons[0]?.code)).toEqual(decisions.map(() => 'late'))
})

test('small questions do not wait for a large one', async () => {
  const engine = await opened('')
  await engine.decide(question({ big: large }))
  const order: string[] = []
  const big = engine.decide(question({ big: large })).then(() => order.push('large'))
  await engine.decide(question()).then(() => order.push('small'))
  await big
  expect(order).toEqual(['small', 'large'])
})

test('numbers are judged with their own digits', async () => {
  const engine = await opened('decision := {"kind": "deny", "reasons": [{"code": "exact", "rule": "x/deny/exact"}], "risk": 0, "listed": []} if input.message.body.go == 9007199254740993')
  expect((await engine.decide(question({ go: JSON.rawJSON('9007199254740993') as never }))).reasons[0]?.code).toBe('exact')
  expect(isPolicyError(await engine.decide(question({ go: JSON.rawJSON('9007199254740992') as never })))).toBe(true)
})

test('a bundle that does not compile, does not answer, or answers oddly is not activated, and the one before stays', async () => {
  const engine = open()
  const good = await bundle('')
  await engine.activate(good)
  const bad: readonly (readonly [BuiltBundle, string])[] = [
    [bundleOf(Uint8Array.of(1, 2, 3)), 'ends too early'],
    [bundleOf(good.wasm.subarray(0, good.wasm.length - 100)), ''],
    [bundleOf(await compiler.compile('decision := 1 if input.never')), '0 results'],
    [bundleOf(await compiler.compile('decision := {"kind": "allow"}')), 'not a decision'],
    [bundleOf(await compiler.compile(allow.replace('[]}', '[0]}'))), 'listed'],
    [bundleOf(await compiler.compile(allow.replaceAll('allow', 'deny').replace('x/deny', 'sallyport/policy_error'))), 'denies everything'],
    [bundleOf(await build(compiler.opa, { 'a.rego': 'package a\n\nb := 1\n' }, ['a/b'])), 'entrypoint'],
    [bundleOf(await compiler.compile('decision := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i == j])')), 'fuel'],
  ]
  for (const [broken, why] of bad) {
    await expect(engine.activate(broken)).rejects.toThrow(why)
    expect(engine.active()?.digest).toBe(good.digest)
  }
  expect(await engine.decide(question())).toMatchObject({ kind: 'allow', bundle: good.digest })
})

test('a bundle that says of itself what nobody can use leaves no thread behind', async () => {
  const engine = open()
  const real = runInThisContext('process') as NodeJS.Process // Jest's own is told nothing
  const started: Worker[] = []
  const note = (worker: Worker) => void started.push(worker)
  real.on('worker', note)
  try {
    for (const wrong of [{ input_paths: [1] }, { recall: { varying: [1], settled: [] } }, { role_paths: 1 }]) {
      await expect(engine.activate(await bundle('', wrong as never))).rejects.toThrow('is not activated')
    }
  } finally {
    real.off('worker', note)
  }
  expect(started.length).toBeGreaterThan(0)
  expect(started.filter(({ threadId }) => threadId !== -1)).toHaveLength(0)
})

test('under a stream of questions every decision is the one of the bundle it names', async () => {
  const engine = open()
  const wasm = await compiler.compile('decision := {"kind": "allow", "reasons": [{"code": data.name, "rule": "x/allow"}], "risk": 0, "listed": []}')
  const bundles = Array.from({ length: 6 }, (_, index) => bundleOf(wasm, { data: { name: `v${index}` } }))
  await engine.activate(bundles[0] as BuiltBundle)
  const decisions: Decision[] = []
  let stop = false
  const ask = async (body: object): Promise<void> => {
    while (!stop) {
      decisions.push(await engine.decide(question({ ...body })))
      await new Promise(setImmediate)
    }
  }
  const streams = [ask({}), ask({}), ask({ big: large }), ask({ big: large })]
  for (const next of bundles.slice(1)) await engine.activate(next)
  stop = true
  await Promise.all(streams)
  const names = new Map(bundles.map(({ digest, data }) => [digest as string, data['name']]))
  expect(decisions.filter(({ bundle: digest, reasons }) => names.get(digest) !== reasons[0]?.code)).toEqual([])
  expect(decisions.every(({ kind }) => kind === 'allow')).toBe(true)
  expect(new Set(decisions.map(({ bundle: digest }) => digest)).size).toBeGreaterThan(2)
})

test('of activations asked for together the last one stays', async () => {
  const engine = open()
  const wasm = await compiler.compile(allow)
  const [first, broken, last] = [bundleOf(wasm), bundleOf(Uint8Array.of(0)), bundleOf(wasm)]
  const done = await Promise.allSettled([engine.activate(first), engine.activate(broken), engine.activate(last)])
  expect(done.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(engine.active()?.digest).toBe(last.digest)
})

test('only what the rules read is handed over', async () => {
  const engine = open()
  const wasm = await compiler.compile(allow)
  await engine.activate(bundleOf(wasm))
  await engine.activate(bundleOf(wasm, { input_paths: ['/message/method'] }))
  await engine.decide(question({ big: large }))
  expect(engine.observed[0]?.bytes).toBeLessThan(100)
})

test('a closed engine denies and activates nothing', async () => {
  const engine = await opened('')
  await engine.close()
  expect(isPolicyError(await engine.decide(question()))).toBe(true)
  await expect(engine.activate(await bundle(''))).rejects.toThrow('closed')
})

test('the shipped library is activated and decides', async () => {
  const policy = `package policies.crm

import data.sallyport

allow if {
	input.upstream.name == "crm"
	"support" in input.actor.groups
}

deny contains {"code": "destructive_sql", "message": "no DROP"} if {
	input.message.call.name == "query"
	sallyport.matches(\`(?i)\\bdrop\\b\`, sallyport.arg("sql"))
}
`
  const wasm = await build(compiler.opa, { ...library(), 'policies/crm/crm.rego': policy })
  const engine = open()
  const rules = { 'crm/deny/destructive_sql': { title: 'Destructive SQL' } }
  await engine.activate(bundleOf(wasm, { rules, reads_groups: true, data: { sallyport_build: { reads_groups: true, detectors: ['us_ssn'] } } }))
  const query = (sql: string): ReturnType<typeof question> => {
    const call = { kind: 'tool', name: 'query', arguments: { sql }, annotations: {}, template: false } as const
    return question({}, { message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-06-18', call, body: { name: 'query', arguments: { sql } } } })
  }
  expect(await engine.decide(query('select 1'))).toMatchObject({ kind: 'allow', reasons: [{ code: 'allowed', rule: 'crm/allow' }] })
  expect(await engine.decide(query('DROP TABLE x'))).toMatchObject({ kind: 'deny', reasons: [{ code: 'destructive_sql', title: 'Destructive SQL' }] })
  const overage = { ...query('select 1'), actor: { kind: 'person', subject: 'a', issuer: 'https://i', provider: 'p', groups: [], groups_known: false, claims: {} } } as const
  expect(await engine.decide(overage)).toMatchObject({ kind: 'deny', reasons: [{ rule: 'sallyport/groups_unknown' }] })
})
