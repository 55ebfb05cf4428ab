import { readFileSync, readdirSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'
import { foundOf } from '../../../src/bundle/lint/found.ts'
import { commentsOf, inputOf, lintEntrypoints } from '../../../src/bundle/lint/lint.ts'
import { known, valuesOfInput } from '../../../src/bundle/lint/known.ts'
import { buildBundle } from '../../../src/bundle/build.ts'
import { createOpa } from '../../../src/bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../../../src/bundle/options.ts'
import { readDirectory, readLibrary, readQuestionSchema } from '../../../src/bundle/source/read-directory.ts'
import { testBundle } from '../../../src/bundle/test.ts'
import type { JsonObject } from '../../../src/model.ts'
import { directoryOf } from '../support.ts'

const opa = createOpa()
afterAll(() => opa.close())
const folder = new URL('../../../src/bundle/lint/', import.meta.url)
const filesIn = (url: URL): Record<string, string> =>
  Object.fromEntries(readdirSync(url).filter((name) => name.endsWith('.rego')).sort().map((name) => [name, readFileSync(new URL(name, url), 'utf8')]))
const isTest = (name: string): boolean => name.endsWith('_test.rego')
const rules = filesIn(new URL('rego/', folder))
const examples = filesIn(new URL('./fixtures/', import.meta.url))
const dataOf = (text: string): JsonObject => JSON.parse(/^# data: (.*)$/m.exec(text)?.[1] ?? '{}') as JsonObject
const library = await readLibrary()
const options = { opa, ...(await readBuildOptions()) }

test('the rules find what the examples say and nothing else, by both evaluators, and the tests reach every line', async () => {
  const data = Object.assign({}, ...Object.values(examples).map(dataOf)) as JsonObject
  const asked = { modules: { ...library, ...examples }, library: Object.keys(library), detectors: shippedDetectors, data, capabilities: options.capabilities, strict: true }
  // Nothing of this is refused before the lint: it does not say again what the check says.
  expect(await opa.semantics(asked)).toEqual([])
  const read = await opa.syntax(asked)
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const fixtures = Object.fromEntries(
    Object.entries(examples).map(([name, text]) => {
      const tree = read.result[name] as unknown as Parameters<typeof inputOf>[1]
      return [name.replace('.rego', ''), { rules: (tree.rules ?? []).map((rule) => inputOf(name, tree, rule)), comments: commentsOf(tree), data: dataOf(text) }]
    }),
  )
  const sources = { modules: rules, library: [], own: Object.keys(rules), schemas: {}, data_files: {}, cases: {}, revision: '', data: { known: known(library, shippedDetectors), fixtures } }
  const tested = await testBundle(sources as never, { ...options, schema: undefined } as never)
  if (!tested.ok) throw new Error(JSON.stringify(tested.problems))
  const { report } = tested
  expect(report.tests.filter(({ outcome, host }) => outcome !== 'pass' || host !== 'pass')).toEqual([])
  expect(report.coverage).toEqual({ percent: 100, uncovered: [] })
}) // OPA's evaluator traces every line

test('each rule has an example', () => {
  const named = (texts: Readonly<Record<string, string>>, pattern: RegExp): readonly string[] =>
    [...new Set(Object.values(texts).flatMap((text) => [...text.matchAll(pattern)].map(([, name]) => name ?? '')))].sort()
  expect(named(examples, /finds(?: nowhere)?: ([a-z_]+)/g)).toEqual(named(rules, /^# {3}code: ([a-z_]+)$/gm))
})

test('what is kept compiled is what the source builds', async () => {
  const modules = Object.fromEntries(Object.entries(rules).filter(([name]) => !isTest(name)))
  const built = await opa.build({ modules, entrypoints: lintEntrypoints, strict: true })
  if (!built.ok) throw new Error(JSON.stringify(built.problems))
  expect(Buffer.compare(built.result.wasm, brotliDecompressSync(readFileSync(new URL('lint.wasm.br', folder))))).toBe(0)
})

test('they are formatted', async () => {
  const formatted = await opa.fmt(rules)
  expect(formatted).toEqual({ ok: true, result: rules })
})

const look = async (files: Readonly<Record<string, string>>): Promise<readonly string[]> => {
  const read = await readDirectory(await directoryOf(files))
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  const built = await buildBundle(read.sources, { ...options, review: true })
  if (!built.review) throw new Error(JSON.stringify(built))
  const { errors, warnings } = foundOf(built.review.findings, read.sources)
  return [...errors.map((problem) => ({ level: 'error', problem })), ...warnings.map((problem) => ({ level: 'warning', problem }))].map(({ level, problem: { file, row, col, code } }) => `${level} ${file}:${row}:${col} ${code}`)
}

test('what is found is told with file, line and level, data too', async () => {
  const policy = 'package policies.a\n\ndeny contains {"code": "a"} if input.message.method == data.one.used\n\nallow if input.upstream.name in data.deep.names\n'
  expect(await look({ 'policies/a/a.rego': policy, 'data.yaml': 'one:\n  used: tools/call\n  left: 1\n', 'deep/data.json': '{"names": ["a"],\n "lost": 2}', 'x/y/data.yaml': 'z: 1\n' })).toEqual([
    'warning data.yaml:3:3 unread_data',
    'warning deep/data.json:2:2 unread_data',
    'warning policies/a/a.rego:3:1 untitled',
    'warning policies/a/a.rego:5:1 allow_anybody',
    'warning x/y/data.yaml:1:1 unread_data',
  ])
})

test('the values that a member of the input may have are those of its schema', async () => {
  const schema = (await readQuestionSchema()) as { definitions?: Record<string, unknown>; $defs?: Record<string, unknown> }
  const found = new Map<string, Set<unknown>>()
  const visit = (node: unknown, path: readonly string[]): void => {
    if (typeof node !== 'object' || node === null || path.length > 6) return
    const { $ref, enum: values, const: value, properties, items, ...rest } = node as Record<string, never>
    if (typeof $ref === 'string') visit(($ref as string).split('/').slice(1).reduce((at: unknown, step) => (at as Record<string, unknown>)[step], schema), path)
    for (const one of [...((values as readonly unknown[] | undefined) ?? []), ...(value === undefined ? [] : [value])]) {
      const name = path.join('/')
      found.set(name, (found.get(name) ?? new Set()).add(one))
    }
    for (const key of ['anyOf', 'oneOf', 'allOf']) for (const one of (rest[key] as readonly unknown[] | undefined) ?? []) visit(one, path)
    for (const [name, inner] of Object.entries((properties as Record<string, unknown> | undefined) ?? {})) visit(inner, [...path, name])
    if (items !== undefined) visit(items, [...path, '*'])
  }
  visit(schema, ['input'])
  for (const [place, values] of Object.entries(valuesOfInput)) expect([place, [...(found.get(place) ?? [])].sort()]).toEqual([place, [...values].sort()])
})
