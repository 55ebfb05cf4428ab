/** @opa own */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOpa } from '../../src/bundle/opa.ts'
import { readCases } from '../../src/bundle/cases/read.ts'
import { parseData } from '../../src/bundle/data.ts'
import { createPlaces } from '../../src/bundle/lint/data-places.ts'
import { readRulesDocument } from '../../src/bundle/rules/document.ts'
import { addRules } from '../../src/bundle/rules/with-rules.ts'
import { sourcesOf } from '../../src/bundle/source/read-directory.ts'
import { readTree } from '../../src/bundle/source/git/tree.ts'
import { packageOf } from '../../src/bundle/source/sources.ts'
import { packBundle } from '../../src/bundle/trust/bundle-file.ts'
import { isBoundless } from '../../src/bundle/yaml.ts'

// What somebody can push is read by the loop that judges calls.
const policy = 'package policies.crm\n\nallow if input.actor.kind == "person"\n'
const problemsOf = async (files: Readonly<Record<string, string>>) => {
  const read = await sourcesOf(new Map(Object.entries({ 'policies/crm/crm.rego': policy, ...files })), { revision: 'r' })
  return read.ok ? [] : read.problems
}
const cpu = (work: () => unknown): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
const names = (count: number): string => Array.from({ length: count }, (_, at) => `k${at}: ${at}\n`).join('')
const aliases = (count: number): string => `a: &a x\nb: [${'*a, '.repeat(count)}]\n`

describe('text that is large takes a time that grows with its size, and no faster', () => {
  test.each<[string, (size: number) => unknown]>([
    ['data with many names', (size) => parseData('data.yaml', names(size))],
    ['rules with many aliases', (size) => readRulesDocument('rules.yaml', aliases(size))],
    ['places of many members of the data', (size) => {
      const { find } = createPlaces({ 'data.yaml': names(size) })
      for (let at = 0; at < size; at += Math.ceil(size / 10)) expect(find([`k${at}`])).toMatchObject({ row: at + 1 })
    }],
  ])('%s', (_, read) => {
    cpu(() => read(2_000))
    const small = cpu(() => read(4_000))
    expect(cpu(() => read(32_000))).toBeLessThan(small * 30) // 64 times, if each looked at all the others
  })

  test('so does the search for a package', () => {
    expect(packageOf(`${'\n'.repeat(3_000_000)}package policies.x\n`)).toBe('policies.x')
    expect(packageOf(`${'# no\n'.repeat(1_000_000)}package policies.x\n`)).toBe('policies.x')
    expect(packageOf('#'.repeat(3_000_000))).toBe('')
  })
})

describe('YAML that is a bomb is refused, with its file', () => {
  const ten = (name: string, of: string): string => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${of}`).join(', ')}]\n`
  const bombs: readonly [string, string, RegExp][] = [
    ['aliases of aliases', `a: &a [1, 2, 3]\n${ten('b', 'a')}${ten('c', 'b')}${ten('d', 'c')}`, /alias/i],
    ['more aliases than anybody writes', aliases(101), /more than 100 aliases/],
    ['an alias of what it stands in', 'a: &a [*a]\n', /part of itself/],
    ['an alias of nothing', 'a: *b\n', /nothing is named \*b/],
    ['a deep list', `a: ${'['.repeat(200)}${']'.repeat(200)}\n`, /deep/],
    ['a list so deep that no stack is enough', `a: ${'['.repeat(50_000)}`, /./],
    ['more than a mebibyte', `a: ${'x'.repeat(1024 * 1024)}\n`, /larger than 1024 KiB/],
    ['a name that is a list', '? [a]\n: 1\n', /cannot be a name/],
    ['a name that is an alias', 'a: &a x\n*a : 1\n', /cannot be a name/],
    ['a number and a text of one name', '1: a\n"1": b\n', /unique/],
  ]
  test.each(bombs)('%s', async (_, text, message) => {
    expect(await problemsOf({ 'data.yaml': text })).toMatchObject([{ file: 'data.yaml', code: 'data_syntax', message: expect.stringMatching(message) as string }])
    expect((await problemsOf({ 'rules.yaml': text }))[0]).toMatchObject({ file: 'rules.yaml', code: 'rules_syntax', message: expect.stringMatching(message) as string })
    const cases = await readCases({ 'cases/a.yaml': text })
    expect(cases.ok ? [] : cases.problems[0]).toMatchObject({ file: 'cases/a.yaml', code: 'case_syntax', message: expect.stringMatching(message) as string })
  })

  test('some aliases are fine', () => {
    expect(parseData('data.yaml', 'a: &a { x: 1 }\nb: [*a, *a]\n')).toEqual({ a: { x: 1 }, b: [{ x: 1 }, { x: 1 }] })
  })
})

describe('many YAML files are bounded together', () => {
  const large = `# ${'x'.repeat(1_000_000)}\n`
  const many = (name: (at: number) => string, text: string): Record<string, string> => Object.fromEntries(Array.from({ length: 5 }, (_, at) => [name(at), `${large}${text}`]))
  const problem = (stage: string, file: RegExp) => [{ stage, code: 'too_large', file: expect.stringMatching(file) as string, message: expect.stringContaining('4096 KiB') as string, remedy: expect.any(String) as string }]

  test.each<[string, Record<string, string>, RegExp]>([
    ['data', many((at) => `d${at}/data.yaml`, 'a: 1\n'), /^d4\/data/],
    ['rules', many((at) => `r${at}.rules.yaml`, '{}\n'), /^r4\.rules/],
    ['cases', many((at) => `cases/c${at}.yaml`, '[]\n'), /^cases\/c4/],
    ['some of each', { ...many((at) => `cases/c${at}.json`, '[]\n'), 'rules.yaml': '{}\n' }, /^cases\/c4/],
  ])('%s of a source', async (_, files, file) => {
    expect(await problemsOf(files)).toMatchObject(problem('read', file))
  })

  test('cases of a directory beside the source, and rules beside its rules', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-'))
    const files = many((at) => `c${at}.yaml`, '[]\n')
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
    writeFileSync(join(directory, 'more.rules.yaml'), large)
    const beside = await readCases({}, directory)
    expect(beside.ok ? [] : beside.problems).toMatchObject(problem('cases', /c4\.yaml$/))
    const read = await sourcesOf(new Map(Object.entries({ 'policies/crm/crm.rego': policy, ...many((at) => `r${at}.rules.yaml`, 'deny: []\n') }).slice(0, 5)), { revision: 'r' })
    expect(read.ok).toBe(true)
    const whole = await addRules(read, { file: join(directory, 'more.rules.yaml') })
    expect(whole.ok ? [] : whole.problems).toMatchObject(problem('rules', /more\.rules\.yaml$/))
    rmSync(directory, { recursive: true })
  })

  test('data as JSON is not among them', async () => {
    expect(await problemsOf(Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`d${at}/data.json`, JSON.stringify({ a: 'x'.repeat(1_000_000) })])))).toEqual([])
  })
})

test('JSON that is nested without end is refused, with its file', async () => {
  const deep = (depth: number): string => `{"a": ${'['.repeat(depth)}${']'.repeat(depth)}}`
  for (const depth of [101, 4_000, 200_000]) {
    expect(await problemsOf({ 'data.json': deep(depth) })).toMatchObject([{ file: 'data.json', code: 'data_syntax' }])
    expect(await problemsOf({ 'schemas/a.json': deep(depth) })).toMatchObject([{ file: 'schemas/a.json', code: 'schema_syntax' }])
  }
  expect(await problemsOf({ 'data.json': deep(50) })).toEqual([])
})

test('a million mistakes are told by a few', () => {
  const { problems } = readRulesDocument('rules.yaml', `deny:\n${'  - { nonsense: 1 }\n'.repeat(20_000)}`)
  expect(problems.length).toBeGreaterThan(0)
  expect(problems.length).toBeLessThan(1_000)
})

describe('Rego that is nested so deep that no compiler would end with it', () => {
  const body = (condition: string): string => `package policies.crm\n\n# ((\nallow if {\n\t${condition}\n}\n`
  test.each([
    ['lists', body(`input.x == ${'['.repeat(100_000)}${']'.repeat(100_000)}`), 5, 112],
    ['comprehensions', body(`${'count([x | x := '.repeat(60)}1${']) > 0'.repeat(60)}`), 5, 792],
    ['brackets after a raw text of two lines', body(`x := \`(\n(\`; ${'('.repeat(101)}`), 6, 104],
  ])('%s', async (_, text, row, col) => {
    expect(await problemsOf({ 'policies/crm/crm.rego': text })).toMatchObject([{ file: 'policies/crm/crm.rego', row, col, code: 'too_deep', remedy: expect.any(String) as string }])
  })

  test('brackets in texts and comments are none', async () => {
    const many = '([{'.repeat(1_000)
    expect(await problemsOf({ 'policies/crm/crm.rego': `${body(`input.x in {"${many}\\"${many}", \`${many}\n${many}\`}`)}# ${many}\n` })).toEqual([])
    expect(await problemsOf({ 'policies/crm/crm.rego': body('a[1]; '.repeat(1_000)) })).toEqual([])
  })
})

describe('Rego that would keep the compiler busy is refused before it begins, with its place', () => {
  const opa = createOpa()
  afterAll(() => opa.close())
  const list = (count: number, one: (at: number) => string, by: string): string => Array.from({ length: count }, (_, at) => one(at)).join(by)
  const nested = (count: number, open: (at: number) => string, inner: string, close: string): string => `${list(count, open, '')}${inner}${close.repeat(count)}`
  const body = (conditions: string, more = ''): string => `package policies.crm\n\nallow if {\n\t${conditions}\n}\n${more}`
  const arrays = (count: number): string => nested(count, (at) => `[x${at} | x${at} := `, '1', ']')
  const refused = async (text: string, more: Readonly<Record<string, string>> = {}) => {
    const asked = { modules: { 'policies/crm/crm.rego': text, ...more }, entrypoints: ['policies/crm/allow'] }
    const built = await opa.bundle(asked)
    return built.ok ? [] : built.problems
  }
  const place = (row: number, col: number, message: RegExp, file = 'policies/crm/crm.rego') => [{ stage: 'check', code: 'too_much', file, row, col, message: expect.stringMatching(message) as string, remedy: expect.any(String) as string }]

  test.each<[string, string, number, number, RegExp]>([
    ['arrays', body(`count(${arrays(20)}) > 0`), 4, 128, /nested more than 10 deep/],
    ['sets and objects', body(`count(${nested(10, (at) => `{x${at} | x${at} := {"a": y${at} | y${at} := `, '1', '}}')}) > 0`), 4, 153, /nested more than 10 deep/],
    ['template strings', body(`x := ${nested(20, () => '$"{', 'input.actor.subject', '}"')}\n\tx == "a"`), 4, 37, /nested more than 10 deep/],
    ['every', body(nested(20, (at) => `every x${at} in [1] { `, 'true', ' }')), 4, 182, /nested more than 10 deep/],
    ['what stands in a head', `package policies.crm\n\nallow if h\n\nh := ${arrays(20)}\n`, 5, 126, /nested more than 10 deep/],
    ['what stands below `with`', body(`count(${arrays(20)}) > 0 with input as {}`), 4, 128, /nested more than 10 deep/],
    ['many that are nested less', body(list(20, () => `count(${arrays(9)}) > 0`, '\n\t')), 12, 80, /too many comprehensions/],
    ['a sum', body(`x := ${list(500, () => 'input.actor.age', ' + ')}\n\tx > 1`), 4, 6287, /operands are nested/],
    ['a body', body(list(500, (at) => `v${at} = ${at === 0 ? 'input.actor' : `v${at - 1}`}`, '\n\t')), 204, 2, /more than 200 conditions/],
    ['else', `package policies.crm\n\nallow if h == 1\n\nh := 0 if input.actor.age == 0\n${list(500, (at) => `else := ${at} if input.actor.age == ${at}`, '\n')}\n`, 155, 1, /more than 150 `else`/],
  ])('%s', async (_, text, row, col, message) => {
    expect(await refused(text)).toMatchObject(place(row, col, message))
  })

  test('functions that call functions in more ways than can be looked at', async () => {
    const functions = list(30, (at) => `h${at}(x) if {\n\th${at + 1}(x.a)\n\th${at + 1}(x.b)\n}`, '\n\n')
    expect(await refused(body('h0(input.actor)', `\n${functions}\n\nh30(x) if x == 1\n`))).toMatchObject([{ ...place(3, 1, /more ways/)[0], stage: 'semantics' }])
  })

  test('a test that is so says so too', async () => {
    const file = 'policies/crm/crm_test.rego'
    const problems = await opa.test({ modules: { [file]: `package policies.crm_test\n\ntest_it if count(${arrays(20)}) > 0\n` } })
    expect(problems.ok ? [] : problems.problems).toMatchObject([{ ...place(3, 138, /nested more than 10 deep/, file)[0], stage: 'test' }])
  })

  test('what people write passes', async () => {
    expect(await refused(body(`count(${arrays(6)}) > 0\n\t${list(100, (at) => `input.actor.age != ${at}`, '\n\t')}`, `\nh := 0 if input.actor.age == 0\n${list(60, (at) => `else := ${at} if input.actor.age == ${at}`, '\n')}\n\nallow if h == 1\n`))).toEqual([])
  })
})

test('a commit with more files than anybody has is refused before they are looked at', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-'))
  const git = (args: readonly string[], input: string): string => execFileSync('git', args, { cwd: directory, input }).toString().trim()
  git(['init', '--quiet', '--bare', '.'], '')
  const list = (count: number, entry: string): string => Array.from({ length: count }, (_, at) => `${entry}\t${at}\n`).join('')
  const small = git(['mktree'], list(1_000, `100644 blob ${git(['hash-object', '-w', '--stdin'], 'x')}`))
  const large = git(['mktree'], list(101, `040000 tree ${small}`))
  const commit = git(['-c', 'user.name=a', '-c', 'user.email=a@example.com', 'commit-tree', '-m', 'x', large], '')
  const tree = await readTree({ repository: directory, home: directory, transport: 'file' }, commit, undefined)
  expect(tree).toMatchObject({ kind: 'read', problems: [{ code: 'too_large' }] })
  expect(await readTree({ repository: directory, home: directory, transport: 'file' }, commit, '7')).toMatchObject({ kind: 'read', problems: [] })
  rmSync(directory, { recursive: true })
})

test('what needs too much memory is ended, and nothing else with it', async () => {
  const opa = createOpa({ memory: 256 * 1024 ** 2 })
  try {
    await expect(opa.eval({ modules: {}, query: 'count(numbers.range(1, 10000000))' })).rejects.toMatchObject({ message: expect.stringContaining('more memory') as string })
    expect(await opa.eval({ modules: {}, query: '1 + 1' })).toMatchObject({ ok: true })
  } finally {
    await opa.close()
  }
}, 120_000)

describe('what no bundle can hold does not become active', () => {
  const odd = ['policies/crm/a\\b.rego', 'policies/crm/a\nb.rego', 'policies/crm/CRM.rego', 'C:/a.rego', 'policies/../a.rego', `${'d/'.repeat(40)}a.rego`, 'data.json/a.rego', 'policy.wasm/a.rego', 'schemas/patch.json']
  test.each(odd)('%j', async (path) => {
    expect(await problemsOf({ [path]: path.endsWith('.json') ? '{}' : policy.replace('crm', 'other') })).toMatchObject([{ stage: 'read', file: expect.any(String) as string, code: 'file_name' }])
  })

  test('whatever else it is, it is found before it judges', async () => {
    const read = await sourcesOf(new Map([['policies/crm/crm.rego', policy]]), { revision: 'r' })
    if (!read.ok) throw new Error('the source is sound')
    const bundle = { digest: 'bnd_00000000000000000000000000000000', revision: 'r', wasm: new Uint8Array(), data: {}, entrypoint: 'sallyport/decision', rules: {}, reads_groups: false } as const
    await expect(packBundle(read.sources, bundle)).resolves.toBeInstanceOf(Uint8Array)
    await expect(packBundle({ ...read.sources, modules: { ...read.sources.modules, 'a\\b.rego': policy } }, bundle)).rejects.toMatchObject({ message: expect.stringContaining('no bundle can hold') as string })
  })
})

test('how deep and how much is counted, with nothing shared counted once', () => {
  expect(isBoundless([1, [2]], 3)).toBe(true)
  expect(isBoundless([1, [2]], 4)).toBe(false)
})

test('a case about somebody who is not among the people is no case about a prototype', async () => {
  const cases = (who: string): string => `- { name: a, who: ${who}, call: [crm, x, {}], want: { kind: deny } }\n`
  for (const who of ['constructor', 'toString', '__proto__']) {
    expect(await readCases({ 'cases/people.yaml': 'sam: { kind: person, groups: [] }\n', 'cases/a.yaml': cases(who) })).toMatchObject({ ok: false, problems: [{ code: 'case_who' }] })
  }
})
