import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { readRules } from '../../src/bundle/rules/read-rules.ts'
import { freePort } from '../support/free-port.ts'

const root = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/yaml-rules.md'), 'utf8')
const blocks = (language: string): readonly string[] => [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, named, text = '']) => (named === language ? [text] : []))

test('the session of the page does what it says', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-docs-'))
  const port = String(await freePort())
  const here = (command: string): string =>
    command.replaceAll('npx --no sallyport', `${process.execPath} ${root}/src/cli/main.ts`).replaceAll('npx mcp-inspector', `${root}/node_modules/.bin/mcp-inspector`).replaceAll('8080', port)
  /** The inspector ends with 5 where a tool answers with an error. */
  const run = (command: string, expected = 0): string => {
    const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', here(command)], { cwd: directory, encoding: 'utf8' })
    expect({ command, status, ...(status === expected ? {} : { stderr }) }).toEqual({ command, status: expected })
    return stdout
  }
  const [rules = ''] = blocks('yaml')
  const [look = '', start = '', calls = ''] = blocks('sh')
  writeFileSync(join(directory, 'rules.yaml'), rules)
  const seen = run(look)
  expect(seen).toContain('fine: ')
  expect(seen).toContain('mask contains {"code": "notes", "with": "[NOTES]", "path": "/structuredContent/**/notes"} if {')

  const [, ...given] = here(start.trim()).split(' ')
  const demo = spawn(process.execPath, [...given, '--json', '--port', port], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(demo, 'exit')
  try {
    const line = await Promise.race([once(createInterface({ input: demo.stdout }), 'line'), exited.then(() => undefined)])
    expect(line).toBeDefined()
    const [first = '', second = ''] = calls.split('\n\n')
    const [ada, sam] = [run(first), run(second, 5)]
    expect(ada).toContain('[NOTES]')
    expect(ada).not.toMatch(/no open questions|called back/)
    expect(sam).toContain('rules/deny/no-schema-reading')
    expect(sam).toContain('Ask for the schema in the channel of the database team.')
  } finally {
    demo.kill('SIGTERM')
    await exited
    rmSync(directory, { recursive: true, force: true })
  }
})

test('the examples in the tables are rules', () => {
  const cell = (line: string): string => /^\| `([^`]+)`/.exec(line)?.[1] ?? ''
  const conditions = page.split('\n').map(cell).filter((text) => /^(?:arguments|annotations|text|found|last_30_minutes):/.test(text))
  const tests = page.split('\n').map(cell).filter((text) => /^(?:above|contains|matches|not_matches|is|is_not|longer_than|given):/.test(text))
  expect([conditions.length, tests.length]).toEqual([5, 8])
  const rule = (id: string, what: string): string => `  - { id: ${id}, ${what} }`
  const text = ['deny:', ...conditions.map((one, at) => rule(`c${at}`, `tools: a, ${one}`)), ...tests.map((one, at) => rule(`t${at}`, `tools: a, arguments: { a: { ${one} } }`))].join('\n')
  expect(readRules([['rules.yaml', text]]).problems).toEqual([])
})
