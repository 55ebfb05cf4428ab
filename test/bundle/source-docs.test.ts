import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { createOpa } from '../../src/bundle/opa.ts'
import { createGitSource } from '../../src/bundle/source/git/source.ts'
import { policySettings } from '../../src/bundle/settings.ts'

const page = readFileSync(new URL('../../docs/policy-sources.md', import.meta.url), 'utf8')
const blocks = (language: string): readonly string[] => [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, named, text = '']) => (named === language ? [text] : []))

test('the session of the page makes a repository whose policies are read and hold', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-docs-'))
  const name = ['Ada', 'ada@example.com'] as const
  const env = { PATH: process.env['PATH'], HOME: directory, GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: name[0], GIT_AUTHOR_EMAIL: name[1], GIT_COMMITTER_NAME: name[0], GIT_COMMITTER_EMAIL: name[1] }
  const opa = createOpa()
  try {
    for (const session of blocks('sh')) execFileSync('sh', ['-e', '-c', session], { cwd: directory, env, stdio: 'pipe' })
    const source = createGitSource({ url: `file://${directory}/policies.git`, transport: 'file', wanted: { ref: 'refs/heads/main' }, directory: join(directory, 'copy'), poll: 3_600_000 })
    const read = await source.read()
    if (!read.ok) throw new Error(JSON.stringify(read.problems))
    expect(read.sources.own).toEqual(['policies/open/open.rego'])
    expect((await opa.build({ modules: read.sources.modules, entrypoints: ['sallyport/decision'] })).ok).toBe(true)
    await source.close?.()
  } finally {
    await opa.close()
    rmSync(directory, { recursive: true, force: true })
  }
})

test('what the page says of sources is a configuration', () => {
  const whole = blocks('yaml').map((text) => parse(text.startsWith(' ') ? `policy:\n  source:\n    kind: git\n    branch: main\n${text.includes('url:') ? '' : "    url: 'https://git.example.com/p.git'\n"}${text}` : text) as { policy?: { source?: unknown } })
  const policies = whole.flatMap(({ policy }) => (policy === undefined ? [] : [{ source: { kind: 'git', url: 'https://git.example.com/p.git', branch: 'main' }, ...policy }]))
  expect(policies.length).toBeGreaterThan(4)
  for (const policy of policies) expect(policySettings.safeParse(policy).error?.issues ?? []).toEqual([])
})
