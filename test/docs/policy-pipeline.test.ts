import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { caseSchemas } from '../../src/bundle/cases/shape.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/policy-pipeline.md'), 'utf8')

test('the session works when it is pasted', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-docs-'))
  try {
    mkdirSync(join(directory, 'bin'))
    symlinkSync(join(root, 'src/cli/main.ts'), join(directory, 'bin/sallyport'))
    const [session = ''] = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text]) => text)
    const said = execFileSync('bash', ['-e', '-c', `${session}`], { cwd: directory, encoding: 'utf8', stdio: 'pipe', env: { PATH: `${join(directory, 'bin')}:${dirname(process.execPath)}:${process.env['PATH']}` } })
    expect(said).toMatch(/^fine: \d+ rules with metadata/)
    expect(said).toContain('2 tests passed on both, 0 failed, coverage 100.0 %\n3 decision cases passed, 0 failed\n')
    expect(readdirSync(directory)).toContain('bundle.tar.gz')
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}) // five commands, each with OPA's library to load

test('the page lists every rule of lint with its level, and no other', () => {
  const folder = join(root, 'src/bundle/lint/rego')
  const rules = readdirSync(folder).flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/^# {3}code: (\w+)\n# {3}level: (\w+)$/gm)].map(([, code, level]) => `${code} ${level}`))
  const listed = [...page.matchAll(/^\| `(\w+)` \| (error|warning) \|/gm)].map(([, code, level]) => `${code} ${level}`)
  expect([...listed].sort()).toEqual([...new Set(rules)].sort())
})

test('the schemas of decision cases are those of the code, and take the cases that there are', () => {
  for (const [name, schema] of Object.entries(caseSchemas())) {
    expect(JSON.parse(readFileSync(join(root, `rego/schemas/${name}.json`), 'utf8'))).toEqual(schema)
    const accepts = new Ajv({ strict: false, validateFormats: false }).compile(schema as object)
    const files = readdirSync(join(root, 'bundles/demo/cases')).filter((file) => (file === 'people.yaml') === (name === 'people'))
    for (const file of files) expect([file, accepts(parse(readFileSync(join(root, 'bundles/demo/cases', file), 'utf8'))), accepts.errors]).toEqual([file, true, null])
    expect(accepts({ sam: { kind: 'ghost' } })).toBe(false)
  }
})
