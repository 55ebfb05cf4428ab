import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { buildBundle } from '../../src/bundle/build.ts'
import { packBundle, unpackBundle } from '../../src/bundle/trust/bundle-file.ts'
import { writeLibrary } from '../../src/bundle/library.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { createPipeline } from '../../src/bundle/pipeline/activate.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import { readTar } from '../../src/bundle/trust/read-tar.ts'
import { writeTar } from '../../src/bundle/trust/tar.ts'
import type { Logger } from '../../src/model.ts'
import { createPolicyEngine } from '../../src/policy/engine.ts'
import { findNativeOpa } from './native-opa.ts'
import { capabilitiesWithout, directoryOf, example } from './support.ts'

const native = findNativeOpa()
const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const opa = createOpa()
afterAll(() => opa.close())

interface Said {
  readonly code: string
  readonly message: string
  readonly location: { readonly file: string; readonly row: number; readonly col: number }
}
const run = (directory: string, ...args: readonly string[]): { stdout: string; stderr: string; status: number | null } =>
  spawnSync(native ?? '', args, { cwd: directory, encoding: 'utf8' })
/** The errors of `opa check`, in the shape of ours; the lines of detail are only in its text. */
const checked = (directory: string, ...args: readonly string[]): unknown => {
  const { stderr, stdout } = run(directory, 'check', '--format', 'json', '--max-errors', '0', ...args, '.')
  const { errors = [] } = JSON.parse(stderr || stdout || '{}') as { errors?: readonly Said[] }
  return errors.map(({ code, message, location: { file, row, col } }) => ({ file, row, col, code, message: message.split('\n')[0] })).sort(byPlace)
}
interface Placed {
  readonly file?: string | undefined
  readonly row?: number | undefined
  readonly col?: number | undefined
  readonly message?: string | undefined
}
const key = ({ file, row, col, message }: Placed): string => `${file} ${row} ${col} ${message}`
const byPlace = (a: Placed, b: Placed): number => key(a).localeCompare(key(b))

const broken: Readonly<Record<string, Record<string, string>>> = {
  'a module that is fine': { 'a.rego': 'package a.b\n\nx := 1\n' },
  'a syntax error': { 'a.rego': 'package a.b\n\nx := {\n', 'b.rego': 'package a.c\n\ny := z\n' },
  'old syntax': { 'a.rego': 'package a.b\n\nx[y] { y := 1 }\n' },
  'an unsafe variable': { 'a.rego': 'package a.b\n\nx := y\n' },
  'an unused import and an unused variable': { 'a.rego': 'package a.b\n\nimport data.c.d\n\nx if {\n\ty := 1\n}\n' },
  'two values for one rule': { 'a.rego': 'package a.b\n\ndefault x := 1\n\ndefault x := 2\n' },
  'a recursion': { 'a.rego': 'package a.b\n\nx if y\n\ny if x\n' },
  'a call with too few arguments': { 'a.rego': 'package a.b\n\nx := count()\n\ny := startswith("a")\n' },
  'an unknown function': { 'a.rego': 'package a.b\n\nx := data.c.f(1)\n\ny := nothing.there(1)\n' },
  'a rule that shadows input': { 'a.rego': 'package a.b\n\ninput := 1\n' },
}

const compared = native === undefined ? describe.skip : describe
compared('the same files give the same answers as a native opa', () => {
  for (const [name, files] of Object.entries(broken)) {
    test(`check: ${name}`, async () => {
      const directory = await directoryOf(files)
      const ours = await opa.check({ modules: files, strict: true })
      const plain = ours.map(({ file, row, col, code, message }) => ({ file, row, col: col ?? 0, code, message: message.split('\n')[0] ?? '' }))
      expect([...plain].sort(byPlace)).toEqual(checked(directory, '--strict'))
    })
  }

  test('check: a schema of the input', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false }
    const files = { 'a.rego': 'package a.b\n\nx if input.b\n\ny if input.a == 1\n' }
    const directory = await directoryOf(files)
    const schemaFile = join(await mkdtemp(join(tmpdir(), 'sallyport-test-')), 'input.json')
    await writeFile(schemaFile, JSON.stringify(schema))
    const ours = await opa.check({ modules: files, schemas: { input: schema } })
    expect(ours).not.toEqual([])
    expect(ours.map(({ row, col, code, message }) => ({ file: 'a.rego', row, col, code, message: message.split('\n')[0] }))).toEqual(
      checked(directory, '--schema', schemaFile),
    )
  })

  test('check: a builtin outside the capabilities is an error for both', async () => {
    const files = { 'a.rego': 'package a.b\n\nx := http.send({})\n' }
    const capabilities = await capabilitiesWithout(opa, 'http.send')
    const directory = await directoryOf(files)
    const file = join(await mkdtemp(join(tmpdir(), 'sallyport-test-')), 'capabilities.json')
    await writeFile(file, JSON.stringify(capabilities))
    expect(checked(directory, '--capabilities', file)).toMatchObject([{ row: 3, col: 6 }])
    expect(await opa.check({ modules: files, capabilities })).toMatchObject([{ row: 3, col: 6 }])
  })

  test('capabilities', async () => {
    expect(await opa.capabilities()).toEqual(JSON.parse(run('.', 'capabilities', '--current').stdout))
  })

  test('test and coverage: outcomes, and every line', async () => {
    const directory = await directoryOf({})
    await writeLibrary(directory)
    execFileSync('cp', ['-r', `${example}/.`, directory])
    const read = await readDirectory(directory)
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const { modules, data } = read.sources
    const ours = await opa.test({ modules, data })
    if (!ours.ok) throw new Error(JSON.stringify(ours.problems))

    const tests = JSON.parse(run(directory, 'test', '--format', 'json', '-b', '.').stdout) as { package: string; name: string; fail?: boolean }[]
    const names = tests.map(({ package: path, name, fail }) => [path.slice(5).replaceAll('.', '/'), name, fail ? 'fail' : 'pass'].join(' '))
    expect(ours.result.tests.map((one) => [one.package, one.name, one.outcome].join(' ')).sort()).toEqual(names.sort())
    expect(names.length).toBeGreaterThan(3)

    const coverage = JSON.parse(run(directory, 'test', '--format', 'json', '--coverage', '-b', '.').stdout) as { coverage: number; files: Record<string, unknown> }
    const files = Object.fromEntries(Object.entries(coverage.files).map(([path, found]) => [path.replace(/^\//, ''), found]))
    expect(ours.result.coverage?.files).toEqual(files)
    expect(ours.result.coverage?.coverage).toBeCloseTo(coverage.coverage, 1)
  })

  test('fmt', async () => {
    const texts = {
      'a.rego': 'package   a.b\nimport data.z\nimport data.c\n\n\n\nx:=1\n#c\ny contains   z if {z := input.a;z>1}\n',
      'b.rego': 'package a.b\n\nf(x) := {"a":1,"b":[1,2,\n3]} if { some i; x[i] } else := 2\n',
    }
    const directory = await directoryOf(texts)
    const ours = await opa.fmt(texts)
    for (const path of Object.keys(texts)) {
      expect(ours.ok && ours.result[path]).toBe(run(directory, 'fmt', path).stdout)
    }
  })

  test('eval', async () => {
    const files = { 'a.rego': 'package a.b\n\nx contains y if some y in input.ys\n\nz := 10 / 4\n' }
    const directory = await directoryOf(files)
    await writeFile(join(directory, 'input.json'), '{"ys": [3, 1, 1e2, "é"]}')
    for (const query of ['data.a.b', 'data.a.b.x', 'y := data.a.b.z; y > 2', 'data.nothing', 'to_number("x")']) {
      const ours = await opa.eval({ modules: files, query, input: { ys: [3, 1, 100, 'é'] } })
      const theirs = JSON.parse(run(directory, 'eval', '-d', 'a.rego', '-i', 'input.json', query).stdout) as { result?: unknown }
      expect(ours).toEqual({ ok: true, result: theirs.result ?? [] })
    }
  })

  test('build: the same module, byte for byte', async () => {
    const read = await readDirectory(example)
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const modules = Object.fromEntries(Object.entries(read.sources.modules).filter(([path]) => !path.endsWith('_test.rego')))
    const directory = await directoryOf(modules)
    const entrypoints = ['sallyport/decision', 'sallyport/admin']
    const ours = await opa.build({ modules, entrypoints })
    expect(run(directory, 'build', '-t', 'wasm', '--prune-unused', ...entrypoints.flatMap((one) => ['-e', one]), '-o', 'bundle.tar.gz', '.')).toMatchObject({ status: 0 })
    const archive = readTar(gunzipSync(await readFile(join(directory, 'bundle.tar.gz'))))
    const theirs = archive.ok ? archive.files.get('policy.wasm') : undefined
    expect(ours.ok && Buffer.compare(ours.result.wasm, theirs ?? Buffer.alloc(0))).toBe(0)
  })

  test('a bundle that we wrote is one that it reads and evaluates', async () => {
    const read = await readDirectory(example)
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    const built = await buildBundle(read.sources, { opa, capabilities: await opa.capabilities(), detectors: [] })
    if (!built.ok) throw new Error(JSON.stringify(built.problems))
    const directory = await directoryOf({})
    await writeFile(join(directory, 'bundle.tar.gz'), await packBundle(read.sources, built.bundle))
    await writeFile(join(directory, 'input.json'), JSON.stringify({ upstream: { name: 'crm' }, actor: { groups: ['support'] } }))
    const evaluated = run(directory, 'eval', '-b', 'bundle.tar.gz', '-i', 'input.json', '--format', 'raw', 'data.policies.crm.allow')
    expect(evaluated).toMatchObject({ stdout: 'true\n', status: 0 })
    expect(JSON.parse(run(directory, 'inspect', '--format', 'json', 'bundle.tar.gz').stdout)).toMatchObject({ manifest: { rego_version: 1 } })
  })

  test('a bundle that it built becomes active as the directory would, whatever its policy.wasm holds', async () => {
    const directory = await directoryOf({})
    execFileSync('cp', ['-r', `${example}/.`, directory])
    await writeLibrary(directory)
    const file = join(await directoryOf({}), 'bundle.tar.gz')
    expect(run(directory, 'build', '-t', 'wasm', '-e', 'sallyport/decision', '--revision', '7', '--ignore', '*_test.rego', '-o', file, '-b', '.')).toMatchObject({ status: 0 })
    const bytes = await readFile(file)
    const archive = readTar(gunzipSync(bytes))
    if (!archive.ok) throw new Error('it wrote no archive')
    const changed = gzipSync(writeTar(new Map([...archive.files].map(([path, body]) => [`/${path}`, path === 'policy.wasm' ? Buffer.from('no module at all') : body]))))

    const own = await readDirectory(example)
    const options = { opa, ...(await readBuildOptions()) }
    const wanted = own.ok && (await buildBundle(own.sources, options))
    for (const given of [bytes, changed]) {
      const engine = createPolicyEngine({ detectors: options.detectors, logger: quiet, threads: 1 })
      const pipeline = createPipeline({ ...options, source: { read: () => unpackBundle(given) }, engine, logger: quiet, clock: Date.now })
      const { problems, stages } = await pipeline.run()
      expect(problems).toEqual([])
      expect(stages.map(({ name }) => name)).toEqual(['read', 'check', 'semantics', 'lint', 'fmt', 'build', 'activate'])
      expect(pipeline.status().active).toMatchObject({ revision: '7', digest: wanted && wanted.ok && wanted.bundle.digest })
      await pipeline.close()
      await engine.close()
    }
  })
})
