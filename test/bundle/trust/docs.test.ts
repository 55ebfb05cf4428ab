import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { policySettings } from '../../../src/bundle/settings.ts'

const page = readFileSync(new URL('../../../docs/policy-trust.md', import.meta.url), 'utf8')
const blocks = (language: string): readonly string[] => [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, named, text = '']) => (named === language ? [text] : []))

test('the session of the page signs a bundle that verifies', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-docs-'))
  try {
    const bin = join(directory, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'sallyport'), `#!/bin/sh\nexec '${process.execPath}' --no-warnings '${fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))}' "$@"\n`)
    chmodSync(join(bin, 'sallyport'), 0o755)
    const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: directory }
    const told = blocks('sh').map((session) => execFileSync('sh', ['-e', '-c', session], { cwd: directory, env, encoding: 'utf8', stdio: 'pipe' }))
    expect(told.join('')).toMatch(/^fine: signed by release \(ES256\), sequence \d+$/m)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('what the page says of settings is a configuration', () => {
  const policies = blocks('yaml').map((text) => (parse(text) as { policy: unknown }).policy)
  expect(policies.length).toBe(3)
  for (const policy of policies) expect(policySettings.safeParse(policy).error?.issues ?? []).toEqual([])
})

test('every code that a bundle can be refused by is on the page', () => {
  const texts = ['open-bundle', 'verify', 'custody'].map((name) => readFileSync(new URL(`../../../src/bundle/trust/${name}.ts`, import.meta.url), 'utf8'))
  const codes = texts.flatMap((text) => [...text.matchAll(/refuse\('(\w+)'|code: '(\w+)'/g)].map(([, a, b]) => a ?? b ?? ''))
  expect(codes.length).toBeGreaterThan(14)
  expect([...new Set(codes)].filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})
