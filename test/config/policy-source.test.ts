import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadSettings } from '../../src/config/load.ts'
import { createPlace, good, writeConfiguration, type Content } from './configuration.ts'

const load = async (source: Content, env: Readonly<Record<string, string>> = {}, more: Content = {}, prepare: (directory: string) => void = () => undefined) => {
  const directory = await createPlace({ known_hosts: 'git.example ssh-ed25519 AAAA\n', signers: 'ada@example.com ssh-ed25519 AAAA\n' })
  prepare(directory)
  const loaded = await loadSettings(await writeConfiguration(directory, good({ policy: { source, ...more } })), { PATH: process.env['PATH'], HOME: '/nowhere', ...env })
  return { directory, loaded }
}
const git = { kind: 'git', url: 'git@git.example:security/policies.git', branch: 'main' }

test('a deploy key of many lines is read, and files begin at the configuration', async () => {
  let key = ''
  const { directory, loaded } = await load({ ...git, credentials: { kind: 'deploy_key', key_from: { file: 'deploy' }, known_hosts: { file: 'known_hosts' } } }, {}, { verify: { commits: { allowed_signers: { file: 'signers' } } } }, (at) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(at, 'deploy')])
    key = readFileSync(join(at, 'deploy'), 'utf8')
  })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  expect(loaded.secrets.get('policy.source.credentials.key')).toBe(key.trimEnd())
  expect(loaded.settings.policy).toMatchObject({
    source: { credentials: { known_hosts: { file: join(directory, 'known_hosts') } }, poll: 60_000 },
    verify: { commits: { allowed_signers: { file: join(directory, 'signers') } } },
  })
  expect(JSON.stringify(loaded.settings)).not.toContain('OPENSSH')
})

test.each([
  'https://git.example/security/policies.git', 'https://git.example:8443/p', 'http://127.0.0.1:3000/p.git', 'ssh://git@git.example/p.git', 'ssh://git@git.example:2222/p.git', 'ssh://[::1]/p', 'git@git.example:security/p.git', 'file:///srv/git/p.git',
])('%s is an address of a repository', async (url) => {
  const credentials = /^(?:ssh|git)/.test(url) ? { credentials: { kind: 'deploy_key', key_from: { env: 'KEY' }, known_hosts: { file: 'known_hosts' } } } : {}
  const { loaded } = await load({ ...git, url, ...credentials }, { KEY: 'x' })
  expect(loaded.ok ? [] : loaded.problems).toEqual([])
})

test.each([
  '-u', '', ' https://git.example/p', 'https://git.example/p x', 'https://git.example/p\nx', 'https://token@git.example/p', 'http://git.example/p', 'ftp://git.example/p', 'git://git.example/p', 'ext::sh', 'fd::17', '/srv/p', '../p', 'file://host/p', 'file:////x', 'C:\\p',
  'ssh://-x/p', 'ssh://git@-x/p', 'ssh://-x@h/p', 'ssh://git.example/-x', 'ssh://git:secret@git.example/p', '-x@git.example:p', 'git@-x:p', 'git@git.example:-x', 'git@git.example:a:b', 'https://', 'https://git.example/p#main',
])('%j is none', async (url) => {
  const { loaded } = await load({ ...git, url })
  expect(loaded.ok ? [] : loaded.problems.map(({ path }) => path)).toContain('policy.source.url')
})

test.each(['main', 'release/2026-11', 'feature/a.b', 'v1.2'])('%s is a name of a branch', async (branch) => {
  expect((await load({ ...git, url: 'https://git.example/p', branch })).loaded.ok).toBe(true)
})

test.each(['', 'HEAD', '-x', '--upload-pack=x', '.x', '/x', 'x/', 'x.', 'a..b', 'a//b', 'a/.b', 'a b', 'a~1', 'a^', 'a:b', 'a?', 'a*', 'a[b', 'a\\b', 'a@{1}', 'a.lock', 'a.lock/b', 'a\u007f'])('%j is none', async (branch) => {
  const { loaded } = await load({ ...git, url: 'https://git.example/p', branch })
  expect(loaded.ok ? [] : loaded.problems.map(({ path }) => path)).toEqual(['policy.source.branch'])
})
