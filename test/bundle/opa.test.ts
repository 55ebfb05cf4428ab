/** @opa own */
import { createOpa } from '../../src/bundle/opa.ts'
import { capabilitiesWithout, inHost } from './support.ts'

const opa = createOpa()
afterAll(() => opa.close())

describe('check', () => {
  test('a module that is fine has no problem', async () => {
    expect(await opa.check({ modules: { 'a.rego': 'package a.b\n\nx := 1\n' }, strict: true })).toEqual([])
  })

  test('an error names its place', async () => {
    const problems = await opa.check({ modules: { 'a.rego': 'package a.b\n\nx := y\n' } })
    expect(problems).toMatchObject([{ stage: 'check', file: 'a.rego', row: 3, col: 6, code: 'rego_unsafe_var_error' }])
  })

  test('what cannot be parsed is told for every file', async () => {
    const problems = await opa.check({ modules: { 'a.rego': 'package a.b\n\nx := {\n', 'b.rego': 'packag a.b\n', 'c.rego': '# nothing\n' } })
    expect(new Set(problems.map(({ file, code }) => `${file} ${code}`))).toEqual(
      new Set(['a.rego rego_parse_error', 'b.rego rego_parse_error', 'c.rego rego_parse_error']),
    )
  })

  test('strictness refuses an import that nobody uses', async () => {
    const modules = { 'a.rego': 'package a.b\n\nimport data.c.d\n\nx := 1\n' }
    expect(await opa.check({ modules })).toEqual([])
    expect(await opa.check({ modules, strict: true })).toMatchObject([{ row: 3, code: 'rego_compile_error' }])
  })

  test('a field that the schema of the input does not have is an error', async () => {
    const schemas = { input: { type: 'object', properties: { actor: { type: 'object', properties: { groups: { type: 'array' } }, additionalProperties: false } } } }
    const modules = { 'a.rego': 'package a.b\n\nx if input.actor.gruops\n' }
    expect(await opa.check({ modules })).toEqual([])
    expect(await opa.check({ modules, schemas })).toMatchObject([{ file: 'a.rego', row: 3, code: 'rego_type_error' }])
  })

  test('a builtin that the host does not run is refused by name, wherever it stands', async () => {
    const capabilities = await capabilitiesWithout(opa, 'http.send', 'time.now_ns')
    const text = 'package a.b\n\nx := http.send({"url": "u", "method": "get"})\n\ny := [z | z := time.now_ns() - 1]\n'
    const problems = await opa.check({ modules: { 'a.rego': text }, capabilities })
    expect(problems).toMatchObject([
      { file: 'a.rego', row: 3, col: 6, code: 'forbidden_builtin' },
      { file: 'a.rego', row: 5, code: 'forbidden_builtin' },
    ])
    expect(problems[0]?.message).toContain('http.send cannot be used in a policy')
    expect(problems[1]?.message).toContain('time.now_ns cannot be used in a policy')
    expect(problems[0]?.remedy).toBeTruthy()
  })

  test('a builtin that is only named as the mock of another is refused, too', async () => {
    const capabilities = await capabilitiesWithout(opa, 'time.now_ns')
    const text = 'package a.b\n\nx if time.clock(1) == [0, 0, 0] with time.clock as time.now_ns\n'
    expect(await opa.check({ modules: { 'a.rego': text }, capabilities })).not.toEqual([])
  })

  test('data and a package cannot stand in the same place', async () => {
    const problems = await opa.check({ modules: { 'a.rego': 'package a.b\n\nx := 1\n' }, data: { a: { b: { x: 2 } } } })
    expect(problems).toMatchObject([{ code: 'rego_compile_error' }])
  })

  test('a module that adds to the library is refused', async () => {
    const library = ['sallyport/sallyport.rego']
    const shipped = { 'sallyport/sallyport.rego': 'package sallyport\n\ndecision := 1\n' }
    for (const name of ['sallyport', 'sallyport.more', 'sallyport["more"]']) {
      const modules = { ...shipped, 'mine.rego': `package ${name}\n\nallowed := true\n` }
      expect(await opa.check({ modules, library })).toMatchObject([{ file: 'mine.rego', code: 'library_package' }])
    }
    const test = { ...shipped, 'mine_test.rego': 'package sallyport\n\ntest_x if decision == 1\n' }
    expect(await opa.check({ modules: test, library })).toMatchObject([{ file: 'mine_test.rego', code: 'library_package' }])
  })
})

describe('build', () => {
  test('the host runs what was built', async () => {
    const modules = { 'a.rego': 'package a.b\n\nx contains y if some y in input.ys\n' }
    expect(await inHost(opa, modules, 'a/b/x', { ys: [1, 2, 1] })).toEqual([1, 2])
  })

  test('metadata is there at run time', async () => {
    const modules = { 'a.rego': 'package a.b\n\n# METADATA\n# title: hello\nx := rego.metadata.rule().title\n' }
    expect(await inHost(opa, modules, 'a/b/x')).toBe('hello')
  })

  test('the same source builds the same bytes', async () => {
    const modules = { 'b.rego': 'package a.b\n\nx := data.a.c.y\n', 'a.rego': 'package a.c\n\ny := sprintf("%v", [input.z])\n' }
    const builds = await Promise.all([0, 1].map(() => opa.build({ modules, entrypoints: ['a/b/x'] })))
    expect(builds[0]).toMatchObject({ ok: true })
    expect(builds[0]).toEqual(builds[1])
  })

  test('an entrypoint that is not there is a problem', async () => {
    expect(await opa.build({ modules: { 'a.rego': 'package a.b\n\nx := 1\n' }, entrypoints: ['a/b/y'] })).toMatchObject({ ok: false })
  })

  test('rules are listed under the ids that reasons carry', async () => {
    const text = [
      'package policies.crm',
      '',
      '# METADATA',
      '# title: Let in',
      'allow if input.x',
      '',
      '# METADATA',
      '# title: Two',
      '# related_resources:',
      '# - https://wiki.example/two',
      'deny contains {"code": "two", "message": m} if m := input.m',
      '',
      'risk contains entry if {',
      '\tentry := {"code": "three", "points": 3}',
      '}',
    ].join('\n')
    const built = await opa.build({ modules: { 'a.rego': text }, entrypoints: ['policies/crm/deny'] })
    expect(built.ok && built.result.rules).toMatchObject([
      { id: 'crm/allow', title: 'Let in', row: 5 },
      { id: 'crm/deny/two', title: 'Two', link: 'https://wiki.example/two' },
      { id: 'crm/risk/three' },
    ])
  })

  test('what is read of the input is told, and the whole of it as the empty pointer', async () => {
    const reads = async (body: string): Promise<unknown> => {
      const built = await opa.build({ modules: { 'a.rego': `package policies.crm\n\nallow if ${body}\n` }, entrypoints: ['policies/crm/allow'] })
      return built.ok && { groups: built.result.reads.groups, input: built.result.reads.input }
    }
    expect(await reads('input.a.b[input.c] == 1')).toEqual({ groups: false, input: ['/a/b', '/c'] })
    expect(await reads('input["a/b"]["~"]')).toEqual({ groups: false, input: ['/a~1b/~0'] })
    expect(await reads('"x" in input.actor.groups')).toEqual({ groups: true, input: ['/actor/groups'] })
    expect(await reads('{ some v in input.actor; v }')).toEqual({ groups: true, input: ['/actor'] })
    expect(await reads('object.get(input, "x", false)')).toEqual({ groups: true, input: [''] })
    expect(await reads('data.other.thing with input as {"y": input.x}')).toEqual({ groups: false, input: ['/x'] })
  })

  test('what each verdict set depends on is told, through whatever it refers to, and what the decision depends on besides', async () => {
    const modules = {
      'a.rego': [
        'package policies.crm',
        'import data.sallyport',
        'allow if sallyport.member("x")',
        'allow if { input.message.call.annotations.safe; input.now }',
        'deny contains {"code": "a"} if input.message.call.arguments.sql',
        'deny contains {"code": "b"} if data.policies.other.late',
        'risk contains {"code": "c", "points": 1} if input.upstream.name == "crm"',
      ].join('\n\n'),
      'b.rego': 'package policies.other\n\ndefault late := false\n\nlate if { input.session.calls > 3 } else := true if input.now > "x"\n\nmask contains {"path": "/a"}',
      'c.rego': [
        'package sallyport',
        'member(group) if { input.odd } else := true if group in input.actor.groups',
        'decision := 1 if { allowed } else := 2 if { count(denials) > 0 } else := 3 if input.entries[0].kind',
        'allowed if data.policies[_].allow with input as {"message": call}',
        '# METADATA\n# custom:\n#   reads: [/message/call/name]\ncall := input.message.call if input.message.call else := input.request.call.name',
        'denials contains name if { some name; data.policies[name].deny != set() }',
      ].join('\n\n'),
    }
    const built = await opa.build({ modules, entrypoints: ['sallyport/decision'] })
    if (!built.ok) throw new Error(JSON.stringify(built.problems))
    const { groups, sets, settled, input } = built.result.reads
    expect(groups).toBe(true)
    expect(sets).toEqual({
      'deny/crm': ['/message/call/arguments/sql', '/now', '/session/calls'],
      'mask/other': [],
      'risk/crm': ['/upstream/name'],
    })
    expect(settled).toEqual([
      '/actor/groups', '/entries', '/entries/*/annotations/safe', '/message/call/annotations/safe', '/message/call/name', '/now', '/odd',
      '/request/call/annotations/safe', '/request/call/name',
    ])
    expect([...new Set([...Object.values(sets).flat(), ...settled])].sort()).toEqual(input)
  })

  test('a policy reads groups through a helper as much as by itself', async () => {
    const modules = {
      'a.rego': 'package policies.crm\n\nimport data.sallyport\n\nallow if sallyport.member("x")\n',
      'b.rego': 'package sallyport\n\nmember(group) if group in input.actor.groups\n\nunused if input.actor.groups_known\n',
    }
    const built = await opa.build({ modules, entrypoints: ['policies/crm/allow'] })
    expect(built.ok && built.result.reads.groups).toBe(true)
    const without = { ...modules, 'a.rego': 'package policies.crm\n\nallow if input.x\n' }
    const other = await opa.build({ modules: without, entrypoints: ['policies/crm/allow'] })
    expect(other.ok && other.result.reads.groups).toBe(false)
  })
})

describe('test', () => {
  const modules = {
    'a.rego': 'package a.b\n\nx if input.y > 1\n\nz if input.z\n',
    'a_test.rego': [
      'package a.b_test',
      '',
      'import data.a.b',
      '',
      'test_good if b.x with input.y as 2',
      'test_bad if {',
      '\tprint("y is", 1)',
      '\tb.x with input.y as 1',
      '}',
      'test_cases[n] if {',
      '\tsome n, y in {"one": 2, "two": 3}',
      '\tb.x with input.y as y',
      '}',
      'todo_test_later if false',
    ].join('\n'),
  }

  test('each test has an outcome, what it printed, and its cases', async () => {
    const tested = await opa.test({ modules })
    expect(tested.ok && tested.result.tests).toMatchObject([
      { name: 'test_good', package: 'a/b_test', outcome: 'pass', row: 5 },
      { name: 'test_bad', outcome: 'fail', output: 'y is 1\n' },
      { name: 'test_cases', outcome: 'pass', cases: { one: true, two: true } },
      { name: 'todo_test_later', outcome: 'skip' },
    ])
  })

  test('coverage names the lines that no test reached', async () => {
    const tested = await opa.test({ modules })
    expect(tested.ok && tested.result.coverage?.files['a.rego']).toMatchObject({ covered_lines: 1, not_covered: [{ start: { row: 5 } }, { start: { row: 5 } }] })
  })

  test('a filter picks tests by their full name', async () => {
    const tested = await opa.test({ modules, filter: 'test_go+d$' })
    expect(tested.ok && tested.result.tests.map(({ name }) => name)).toEqual(['test_good'])
  })
})

test('a query sees numbers as they are written', async () => {
  const data = { n: JSON.rawJSON('9007199254740993') }
  const found = await opa.eval({ modules: {}, data, query: '[data.n == 9007199254740993, data.n == 9007199254740992]' })
  expect(found.ok && found.result[0]?.expressions[0]?.value).toEqual([true, false])
  const one = await opa.eval({ modules: {}, query: 'input.a + 1', input: { a: 1 } })
  expect(one.ok && one.result[0]?.expressions[0]?.value).toBe(2)
})

test('a module is formatted, or the place where it is broken is told', async () => {
  expect(await opa.fmt({ 'a.rego': 'package  a.b\nx:=1' })).toEqual({ ok: true, result: { 'a.rego': 'package a.b\n\nx := 1\n' } })
  expect(await opa.fmt({ 'a.rego': 'package a.b\nx :=' })).toMatchObject({ ok: false, problems: expect.arrayContaining([expect.objectContaining({ file: 'a.rego', row: 2, code: 'rego_parse_error' })]) })
})

test('a module is parsed with its annotations', async () => {
  const parsed = await opa.parse({ 'a.rego': '# METADATA\n# title: A\npackage a.b\n\nx := 1\n' })
  expect(parsed.ok && parsed.result['a.rego']).toMatchObject({ annotations: [{ scope: 'package', title: 'A' }] })
})

test('calls made at once are all answered, each with its own', async () => {
  const answers = await Promise.all([1, 2, 3].map((n) => opa.eval({ modules: {}, query: `x := ${n}` })))
  expect(answers.map((answer) => answer.ok && (answer.result[0] as unknown as { bindings: { x: number } }).bindings.x)).toEqual([1, 2, 3])
})

test('a call without end is ended, and the next one is answered', async () => {
  const began = performance.now()
  const fresh = createOpa()
  await fresh.check({ modules: {} })
  // Six times what the start of a process and a small call take on this machine, as busy as it is.
  const timeout = Math.max(4_000, Math.ceil(6 * (performance.now() - began)))
  await fresh.close()
  const short = createOpa({ timeout })
  const endless = 'count([x | some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); x := a * b]) > 0'
  await expect(short.eval({ modules: {}, query: endless })).rejects.toThrow(`took longer than ${timeout} ms`)
  expect(await short.check({ modules: { 'a.rego': 'package a.b\n\nx := 1\n' } })).toEqual([])
  await short.close()
  await expect(short.capabilities()).rejects.toThrow('closed')
})
