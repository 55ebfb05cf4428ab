import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buildBundle } from '../../../src/bundle/build.ts'
import { createOpa } from '../../../src/bundle/opa.ts'
import { readBuildOptions } from '../../../src/bundle/options.ts'
import { readRulesModules } from '../../../src/bundle/rules/read-rules.ts'
import { addRules, withRules } from '../../../src/bundle/rules/with-rules.ts'
import { createDirectorySource } from '../../../src/bundle/source/directory.ts'
import { readDirectory } from '../../../src/bundle/source/read-directory.ts'
import type { Read, Sources } from '../../../src/bundle/source/sources.ts'
import { packBundle, unpackBundle } from '../../../src/bundle/trust/bundle-file.ts'
import { directoryOf, put } from '../support.ts'

const opa = createOpa()
const options = { opa, ...(await readBuildOptions()) }
afterAll(() => opa.close())

const everyWord = await readFile(new URL('every-word.rules.yaml', import.meta.url), 'utf8')
const denyTool = (tool: string, id = 'd'): string => `deny:\n  - { id: ${id}, tools: ${tool} }\n`
const rego = 'package policies.own\n\nallow if input.actor.kind != "nobody"\n\ndeny contains {"code": "own"} if input.message.call.name == "own"\n'

const sourcesIn = (read: Read): Sources => {
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read.sources
}
const readFiles = async (files: Readonly<Record<string, string>>): Promise<Read> => readDirectory(await directoryOf(files), { revision: 'r' })
const problemsOf = async (files: Readonly<Record<string, string>>) => {
  const read = await readFiles(files)
  return read.ok ? [] : read.problems.map(({ stage, file, row, code, remedy }) => ({ stage, file, row, code, remedy: remedy !== undefined }))
}
const built = async (sources: Sources) => {
  const bundle = await buildBundle(sources, options)
  if (!bundle.ok) throw new Error(JSON.stringify(bundle.problems))
  return bundle.bundle
}

test('rules alone are a source, and those of a source have its module with them', async () => {
  const alone = sourcesIn(await readFiles({ 'rules.yaml': denyTool('a') }))
  expect(Object.keys(alone.modules).filter((path) => path.startsWith('policies/'))).toEqual(['policies/protocol/protocol.rego', 'policies/rules/rules.rego'])
  const without = sourcesIn(await readFiles({ 'policies/own/own.rego': rego }))
  expect(Object.keys(without.modules).filter((path) => path.startsWith('policies/rules/'))).toEqual([])
  expect(without.data).toEqual({})
})

test('several files of rules and Rego stand together', async () => {
  const both = sourcesIn(await readFiles({ 'rules.yaml': denyTool('a'), 'teams/crm.rules.yaml': denyTool('b', 'e'), 'policies/own/own.rego': rego, 'data.yaml': 'limits: [1]\n' }))
  expect(both.data).toMatchObject({ limits: [1], rules: { deny: { by_name: { a: [{ id: 'd' }], b: [{ id: 'e' }] } } } })
  expect((await built(both)).rules).toMatchObject({ 'sallyport/not_allowed': {} })
})

test("what would take the place of the rules' own module or data is refused", async () => {
  const module = 'package policies.rules\n\ndeny contains {"code": "x"} if false\n'
  expect(await problemsOf({ 'policies/mine.rego': module })).toEqual([{ stage: 'read', file: 'policies/mine.rego', row: undefined, code: 'library_package', remedy: true }])
  expect(await problemsOf({ 'rules.yaml': denyTool('a'), 'policies/rules/rules.rego': module })).toEqual([{ stage: 'read', file: 'policies/rules/rules.rego', row: undefined, code: 'library_package', remedy: true }])
  expect(await problemsOf({ 'rules.yaml': denyTool('a'), 'policies/mine.rego': 'package policies["rules"]\n\nallow := true\n' })).toMatchObject([{ code: 'library_package' }])
  expect(await problemsOf({ 'rules.yaml': denyTool('a'), 'policies/rules/rules.rego': rego })).toMatchObject([{ code: 'library_path', remedy: true }])
  expect(await problemsOf({ 'policies/own/own.rego': rego, 'data.yaml': 'rules: []\n' })).toMatchObject([{ code: 'data_reserved', remedy: true }])
  expect(await problemsOf({ 'rules.yaml': 'thresholds: { approve: 1 }\n', 'data.yaml': 'thresholds: { approve: 2 }\n' })).toMatchObject([{ code: 'rules_thresholds', remedy: true }])
})

test('copies of the shipped module in a source change nothing', async () => {
  const plain = sourcesIn(await readFiles({ 'rules.yaml': denyTool('a') }))
  const copied = sourcesIn(await readFiles({ 'rules.yaml': denyTool('a'), ...(await readRulesModules()) }))
  expect(copied.modules).toEqual(plain.modules)
})

test('a problem in the rules is a problem of the source, with its place', async () => {
  expect(await problemsOf({ 'policies/own/own.rego': rego, 'rules.yaml': 'deny:\n  - id: d\n    tool: a\n' })).toEqual([{ stage: 'rules', file: 'rules.yaml', row: 3, code: 'rules_key', remedy: true }])
  const sources = sourcesIn(await readFiles({ 'rules.yaml': 'mask:\n  - id: m\n    detectors: iban\n' }))
  expect(await buildBundle(sources, options)).toMatchObject({ ok: false, problems: [{ stage: 'rules', file: 'rules.yaml', row: 3, col: 16, code: 'rules_detector' }] })
})

test('what rules tell beside a message stands with the rules of Rego', async () => {
  expect((await built(sourcesIn(await readFiles({ 'rules.yaml': everyWord })))).rules['rules/deny/arguments']).toEqual({ remedy: 'Ask for less.', link: 'https://example.com/rules' })
})

test('rules travel in a bundle and are built anew where it is opened', async () => {
  const sources = sourcesIn(await readFiles({ 'rules.yaml': everyWord, 'policies/own/own.rego': rego, 'data.yaml': 'limits: [1]\n' }))
  const bundle = await built(sources)
  const opened = sourcesIn(await unpackBundle(await packBundle(sources, bundle)))
  expect({ rules: opened.rules, data: opened.data }).toEqual({ rules: sources.rules, data: sources.data })
  expect((await built(opened)).digest).toBe(bundle.digest)
})

test('what no rule asks for is not read, so that decisions are recalled', async () => {
  const changing = /^\/(?:now|session|findings|message\/body|message\/call\/arguments|request\/call\/arguments|request\/body)/
  const readsOf = async (rules: string) => {
    const { data, recall, reads_groups } = await built(sourcesIn(await readFiles({ 'rules.yaml': rules })))
    const { varying } = data['sallyport_build'] as { varying: object }
    return { varying, asked: recall?.varying.filter((path) => changing.test(path)).sort(), settled: recall?.settled.filter((path) => changing.test(path) && !path.startsWith('/message/body') && !path.startsWith('/request/body')), reads_groups }
  }
  const plain = 'allow:\n  - { id: a, who: everyone, upstreams: crm, tools: query }\nmask:\n  - { id: m, detectors: us_ssn }\n'
  expect(await readsOf(plain)).toEqual({ varying: {}, asked: [], settled: [], reads_groups: false })
  const more = "deny:\n  - { id: d, who: { groups: x }, tools: a, arguments: { b: { above: 1 } }, during: { hours: '08:00-09:00' }, found: us_ssn }\n"
  const said = await readsOf(plain + more)
  expect(said).toMatchObject({ asked: ['/findings/*/detector', '/message/call/arguments', '/now', '/request/call/arguments'], settled: [], reads_groups: true })
  expect(said.varying).toEqual({ deny: ['rules'], require_approval: ['rules'], risk: ['rules'] })
})

describe('a file of rules beside the source', () => {
  test('adds to it, is watched, and is refused with its own name', async () => {
    const directory = await directoryOf({ 'policies/own/own.rego': rego, 'rules.yaml': denyTool('a') })
    const beside = await directoryOf({ 'more.yaml': denyTool('b', 'e') })
    const file = join(beside, 'more.yaml')
    const source = withRules(createDirectorySource(directory), { file, known: { upstreams: [], issuers: [], groups: [] } })
    expect(sourcesIn(await source.read()).data).toMatchObject({ rules: { deny: { by_name: { a: [{ id: 'd' }], b: [{ id: 'e' }] } } } })
    const changed = new Promise<void>((resolve) => {
      const watching = source.watch?.(() => {
        watching?.close()
        resolve()
      })
    })
    await put(beside, 'more.yaml', denyTool('b'))
    await changed
    expect(await source.read()).toMatchObject({ ok: false, problems: [{ stage: 'rules', code: 'rules_id' }] })
    await put(beside, 'more.yaml', 'deny:\n  - {}\n')
    expect(await source.read()).toMatchObject({ ok: false, problems: [{ file: expect.stringMatching(/more\.yaml$/), row: 2 }] })
    await rm(file)
    expect(await source.read()).toMatchObject({ ok: false, problems: [{ stage: 'rules', code: 'unreadable', file: expect.stringMatching(/more\.yaml$/) }] })
  })

  test('suffices where the source has no policies, and warns of names nobody bears', async () => {
    const file = join(await directoryOf({ 'r.yaml': 'deny:\n  - { id: d, upstreams: nowhere }\n' }), 'r.yaml')
    const empty = await readFiles({ 'data.yaml': 'a: 1\n' })
    expect(empty).toMatchObject({ ok: false, problems: [{ code: 'no_policies' }] })
    expect(await addRules(empty, { file, known: { upstreams: ['crm'], issuers: [], groups: [] } })).toMatchObject({ ok: true, sources: { data: { a: 1 } }, warnings: [{ code: 'rules_unknown_upstream', row: 2 }] })
  })

  test('is not asked twice of a bundle that brings it along', async () => {
    const file = join(await directoryOf({ 'r.yaml': denyTool('a') }), 'r.yaml')
    const sources = sourcesIn(await addRules(await readFiles({ 'policies/own/own.rego': rego }), { file }))
    const opened = await unpackBundle(await packBundle(sources, await built(sources)))
    expect(sourcesIn(await addRules(opened, { file })).data).toEqual(sources.data)
  })

  test('that is no text is refused', async () => {
    const file = new URL('../../../src/bundle/opa/opa.wasm.br', import.meta.url).pathname
    expect(await addRules(await readFiles({ 'policies/own/own.rego': rego }), { file })).toMatchObject({ ok: false, problems: [{ code: 'unreadable' }] })
  })
})
