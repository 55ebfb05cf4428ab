import { chmod, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readDirectory, readLibrary } from '../../src/bundle/source/read-directory.ts'
import { packageOf } from '../../src/bundle/source/sources.ts'
import { directoryOf, example } from './support.ts'

const policy = { 'policies/a/a.rego': 'package policies.a\n\nallow := true\n' }
const problemsOf = async (files: Readonly<Record<string, string>>): Promise<unknown> => {
  const read = await readDirectory(await directoryOf({ ...policy, ...files }))
  return read.ok ? [] : read.problems
}
const sourcesOf = async (files: Readonly<Record<string, string>>): Promise<Extract<Awaited<ReturnType<typeof readDirectory>>, { ok: true }>> => {
  const read = await readDirectory(await directoryOf({ ...policy, ...files }))
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read
}

test('a directory is read with its data, its schemas and the library', async () => {
  const read = await readDirectory(example)
  expect(read).toMatchObject({ ok: true, warnings: [], sources: { data: { limits: { points: 40 } } } })
  const paths = read.ok ? Object.keys(read.sources.modules) : []
  expect(paths).toEqual(expect.arrayContaining(['policies/crm/crm.rego', 'policies/crm/crm_test.rego', 'sallyport/sallyport.rego']))
  expect(read.ok && read.sources.own).toEqual(['policies/crm/crm.rego', 'policies/crm/crm_test.rego'])
})

test('data stands at the path of its folder, whichever way it is written', async () => {
  const { sources } = await sourcesOf({
    'data.yaml': 'thresholds:\n  deny: 100\nbig: 9007199254740993\n',
    'a/data.json': '{"x": 1, "big": 9007199254740993}',
    'a/b/data.yml': 'y: [1, ~]\n',
    'schemas/thing.json': '{"type": "object"}',
    'other.json': '{"not": "data"}',
  })
  expect(JSON.stringify(sources.data)).toBe('{"a":{"b":{"y":[1,null]},"x":1,"big":9007199254740993},"thresholds":{"deny":100},"big":9007199254740993}')
  expect(sources.schemas).toEqual({ thing: { type: 'object' } })
})

describe('data that cannot be right is a problem', () => {
  const cases: [string, Record<string, string>, object][] = [
    ['not JSON', { 'data.json': '{' }, { file: 'data.json', code: 'data_syntax' }],
    ['not YAML', { 'data.yaml': 'a: [' }, { file: 'data.yaml', code: 'data_syntax' }],
    ['a key given twice in YAML', { 'data.yaml': 'a: 1\na: 2\n' }, { file: 'data.yaml', code: 'data_syntax' }],
    ['a number that JSON does not know', { 'data.yaml': 'a: .inf\n' }, { file: 'data.yaml', code: 'data_syntax' }],
    ['a list', { 'data.json': '[]' }, { file: 'data.json', code: 'data_shape' }],
    ['one value in two files', { 'data.json': '{"a": {"x": 1}}', 'a/data.json': '{"x": 2}' }, { code: 'data_twice' }],
    ['what the build itself writes', { 'data.json': '{"sallyport_build": {}}' }, { code: 'data_reserved' }],
  ]
  test.each(cases)('%s', async (_, files, problem) => {
    expect(await problemsOf(files)).toMatchObject([{ stage: 'read', ...problem }])
  })
})

test('a prototype in the data is data', async () => {
  const { sources } = await sourcesOf({ 'data.json': '{"__proto__": {"admin": true}, "a": 1}' })
  expect(Object.keys(sources.data)).toEqual(['__proto__', 'a'])
  expect(({} as { admin?: boolean }).admin).toBeUndefined()
})

describe('the library', () => {
  test("is the gateway's own: a copy is left out, and one that differs is told", async () => {
    const library = await readLibrary()
    const copy = await sourcesOf(library)
    expect(copy.warnings).toEqual([])
    const changed = { ...library, 'sallyport/sallyport.rego': 'package sallyport\n\ndefault decision := {"kind": "allow"}\n' }
    const { warnings, sources } = await sourcesOf(changed)
    expect(warnings).toMatchObject([{ file: 'sallyport/sallyport.rego', code: 'library_differs' }])
    expect(sources.modules['sallyport/sallyport.rego']).toBe(library['sallyport/sallyport.rego'])
  })

  test('is recognised by its package, whatever the path or the spelling', async () => {
    const { warnings, sources } = await sourcesOf({
      'x.rego': '# a comment\n\npackage sallyport # here\n\nallowed := true\n',
      'y.rego': 'package sallyport["deeper"]\n\nallowed := true\n',
    })
    expect(warnings.map(({ file }) => file)).toEqual(['x.rego', 'y.rego'])
    expect(sources.modules).not.toHaveProperty(['x.rego'])
    expect(sources.modules).not.toHaveProperty(['y.rego'])
    expect(packageOf('package sallyport_more')).toBe('sallyport_more')
  })

  test("a source's own policies.protocol replaces the shipped one whole", async () => {
    const shipped = await readLibrary()
    const protocol = Object.keys(shipped).filter((path) => path.startsWith('policies/protocol/'))
    expect(protocol).not.toEqual([])
    const { sources } = await sourcesOf({ 'mine.rego': 'package policies.protocol\n\nallow := false\n' })
    for (const path of protocol) expect(sources.modules).not.toHaveProperty([path])
    expect(Object.keys((await sourcesOf({})).sources.modules)).toEqual(expect.arrayContaining(protocol))
  })

  test('a policy that takes the path of a library file is a problem, not a replacement', async () => {
    expect(await problemsOf({ 'sallyport/sallyport.rego': 'package policies.b\n\nallow := true\n' })).toMatchObject([{ code: 'library_path' }])
  })
})

test('a link inside the directory is followed, one that leads out is a problem', async () => {
  const outside = await directoryOf({ 'secret.rego': 'package policies.secret\n' })
  const root = await directoryOf({ '..data/a.rego': 'package policies.a\n\nallow := true\n' })
  await symlink(join(root, '..data', 'a.rego'), join(root, 'a.rego'))
  expect(await readDirectory(root)).toMatchObject({ ok: true, sources: { own: ['a.rego'] } })
  await symlink(join(outside, 'secret.rego'), join(root, 'b.rego'))
  expect(await readDirectory(root)).toMatchObject({ ok: false, problems: [{ file: 'b.rego', code: 'outside' }] })
})

test('a folder that links to itself is read once', async () => {
  const root = await directoryOf(policy)
  await symlink(root, join(root, 'policies', 'again'))
  expect(await readDirectory(root)).toMatchObject({ ok: true, sources: { own: ['policies/a/a.rego'] } })
})

test('a link to nowhere, bytes that are no text, a source too large and a directory that is not there are problems', async () => {
  const root = await directoryOf(policy)
  await symlink(join(root, 'nowhere'), join(root, 'b.rego'))
  expect(await readDirectory(root)).toMatchObject({ ok: false, problems: [{ file: 'b.rego', code: 'unreadable' }] })

  const binary = await directoryOf(policy)
  await writeFile(join(binary, 'b.rego'), Buffer.from([0x70, 0xff, 0xfe]))
  expect(await readDirectory(binary)).toMatchObject({ ok: false, problems: [{ file: 'b.rego', code: 'unreadable' }] })

  await writeFile(join(binary, 'b.rego'), '')
  await truncate(join(binary, 'b.rego'), 65 * 1024 * 1024)
  expect(await readDirectory(binary)).toMatchObject({ ok: false, problems: [{ file: 'b.rego', code: 'too_large' }] })

  expect(await readDirectory(join(root, 'nowhere'))).toMatchObject({ ok: false, problems: [{ code: 'unreadable' }] })
})

test('a file without permission is a problem, not a smaller policy', async () => {
  if (process.getuid?.() === 0) return
  const root = await directoryOf({ ...policy, 'b.rego': 'package policies.b\n' })
  await chmod(join(root, 'b.rego'), 0)
  expect(await readDirectory(root)).toMatchObject({ ok: false, problems: [{ file: 'b.rego', code: 'unreadable' }] })
})

test('a directory without a policy is a problem', async () => {
  expect(await readDirectory(await directoryOf({ 'data.json': '{}' }))).toMatchObject({ ok: false, problems: [{ code: 'no_policies' }] })
})
