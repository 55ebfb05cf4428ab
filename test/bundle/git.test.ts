import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGitSource, type GitSourceOptions } from '../../src/bundle/source/git/source.ts'
import type { Source } from '../../src/bundle/source/source.ts'
import type { Read } from '../../src/bundle/source/sources.ts'
import { createRepository, type GitRepository } from '../support/git-repository.ts'

const policy = (name: string) => `package policies.${name}\n\nallow if input.actor.kind == "person"\n`
const base = { 'policies/crm/crm.rego': policy('crm') }

let repository: GitRepository
let copies: string
const opened: Source[] = []
beforeEach(() => {
  repository = createRepository()
  copies = mkdtempSync(join(tmpdir(), 'sallyport-copy-'))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((source) => source.close?.()))
  repository.remove()
  rmSync(copies, { recursive: true, force: true })
})

const sourceOf = (change: Partial<GitSourceOptions> = {}): Source => {
  const source = createGitSource({ url: repository.url, transport: 'file', wanted: { ref: 'refs/heads/main' }, directory: copies, poll: 3_600_000, ...change })
  opened.push(source)
  return source
}
const good = (read: Read) => {
  if (!read.ok) throw new Error(JSON.stringify(read.problems))
  return read
}
const codes = (read: Read): readonly string[] => (read.ok ? [] : read.problems.map(({ code }) => code))
const active = (commit: string) => ({ digest: 'bnd_x', revision: commit, commit })

test('a branch is read at its tip: policies, tests, data and schemas, and nothing that is hidden', async () => {
  const commit = repository.push({ ...base, 'policies/crm/crm_test.rego': 'package policies.crm_test\n', 'data.yaml': 'limit: 5\n', 'schemas/x.json': '{"type":"object"}', '.github/x.rego': 'package x', 'README.md': 'no policy' })
  const { sources, stages } = good(await sourceOf().read())
  expect(stages?.map(({ name, ok }) => [name, ok])).toEqual([['fetch', true], ['read', true]])
  expect(sources).toMatchObject({ revision: commit, commit, data: { limit: 5 }, schemas: { x: { type: 'object' } } })
  expect(sources.own).toEqual(['policies/crm/crm.rego', 'policies/crm/crm_test.rego'])
})

test('a new commit is read, by a source that was there and by one that begins with its copy', async () => {
  repository.push(base)
  const source = sourceOf()
  await source.read()
  const second = repository.push({ 'policies/hr/hr.rego': policy('hr') })
  expect(good(await source.read()).sources.own).toContain('policies/hr/hr.rego')
  expect(good(await sourceOf().read()).sources.commit).toBe(second)
})

test('a folder, a tag and a commit are read as they are named', async () => {
  const first = repository.push({ 'production/policies/crm/crm.rego': policy('crm'), 'staging/policies/hr/hr.rego': policy('hr') })
  repository.git('tag', '-a', '-m', 'one', 'v1')
  repository.git('push', '--quiet', 'origin', 'v1')
  repository.push({ 'production/policies/crm/crm.rego': null })
  const folder = 'production'
  expect(good(await sourceOf({ folder, wanted: { ref: 'refs/tags/v1' }, directory: join(copies, 'a') }).read()).sources).toMatchObject({ commit: first, own: ['policies/crm/crm.rego'] })
  expect(good(await sourceOf({ folder, wanted: { commit: first }, directory: join(copies, 'b') }).read()).sources.commit).toBe(first)
  const read = await sourceOf({ folder, directory: join(copies, 'c') }).read()
  expect(read).toMatchObject({ ok: false, problems: [{ stage: 'read', code: 'folder_missing', remedy: 'see policy.source.path' }] })
  expect(codes(await sourceOf({ folder: 'staging/policies/hr/hr.rego', directory: join(copies, 'd') }).read())).toEqual(['folder_missing'])
})

test('a pinned commit needs no host once it is there', async () => {
  const first = repository.push(base)
  const source = sourceOf({ wanted: { commit: first } })
  await source.read()
  rmSync(repository.path, { recursive: true })
  expect(good(await source.read()).sources.commit).toBe(first)
})

test.each([
  ['a link', { links: { 'policies/other': '/etc' } }, {}, 'link'],
  ['a link to a file', { links: { 'data.json': '/etc/passwd' } }, {}, 'link'],
  ['a file that is not UTF-8', {}, { 'policies/x/x.rego': Buffer.from([0xff, 0xfe]) }, 'unreadable'],
  ['a pointer of Git LFS', {}, { 'data.json': 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' }, 'lfs'],
  ['more than the limit', {}, { 'data.json': `{"x": "${'a'.repeat(64 * 1024 * 1024)}"}` }, 'too_large'],
  ['no policies', {}, { 'policies/crm/crm.rego': null }, 'no_policies'],
] as const)('%s in the repository is refused, by name', async (_, how, files, code) => {
  repository.push({ ...base, ...files }, how)
  const read = await sourceOf().read()
  expect(codes(read)).toEqual([code])
})

test('a submodule is refused: the policies in it would be missing', async () => {
  const commit = repository.push(base)
  repository.git('update-index', '--add', '--cacheinfo', `160000,${commit},policies/shared`)
  repository.git('commit', '--quiet', '--message=submodule')
  repository.git('push', '--quiet', 'origin', 'HEAD:main')
  expect(await sourceOf().read()).toMatchObject({ ok: false, problems: [{ code: 'submodule', file: 'policies/shared', remedy: expect.stringContaining('policy.source.path') }] })
})

test('names that no file system could hold side by side, or at all, reach none', async () => {
  repository.push(base)
  const blob = execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: repository.path, input: policy('evil') }).toString().trim()
  const mktree = (lines: readonly string[]) => execFileSync('git', ['mktree'], { cwd: repository.path, input: `${lines.join('\n')}\n` }).toString().trim()
  const folder = mktree([`100644 blob ${blob}\ta.rego`, `100644 blob ${blob}\tA.rego`, `100644 blob ${blob}\tC:evil.rego`, `100644 blob ${blob}\tback\\slash.rego`])
  const policies = mktree([`040000 tree ${folder}\tevil`, `040000 tree ${folder}\t.git`])
  const top = mktree([`040000 tree ${policies}\tpolicies`])
  const commit = execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit-tree', '-m', 'x', top], { cwd: repository.path }).toString().trim()
  execFileSync('git', ['update-ref', 'refs/heads/odd', commit], { cwd: repository.path })
  const read = await sourceOf({ wanted: { ref: 'refs/heads/odd' } }).read()
  expect(read.ok ? [] : read.problems.map(({ code, file }) => `${code} ${file}`)).toEqual(['file_name policies/evil/a.rego', 'file_name policies/evil/back\\slash.rego'])
  expect(readdirSync(copies, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('.rego'))).toEqual([])
})

test('hooks and settings in the repository or in its place run nothing', async () => {
  repository.push(base)
  const source = sourceOf()
  await source.read()
  const copy = join(copies, 'repository.git')
  const proof = join(copies, 'proof')
  for (const name of ['reference-transaction', 'post-merge', 'pre-auto-gc', 'post-checkout']) writeFileSync(join(copies, name), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 })
  rmSync(join(copy, 'hooks'), { recursive: true, force: true })
  symlinkSync(copies, join(copy, 'hooks'))
  repository.push({ 'policies/hr/hr.rego': policy('hr') })
  good(await source.read())
  expect(existsSync(proof)).toBe(false)
})

describe('a commit takes the place of the active one', () => {
  const followed = async (source: Source, commit: string) => good(await source.read()).follows?.(active(commit))

  test('where it descends from it, however much lies in between and wherever the copy is', async () => {
    const first = repository.push(base)
    const source = sourceOf()
    await source.read()
    for (let at = 0; at < 3; at += 1) repository.push({ 'data.json': `{"at": ${at}}` })
    expect(await followed(source, first)).toBeUndefined()
    expect(await followed(sourceOf({ directory: join(copies, 'new') }), first)).toBeUndefined()
  })

  test('not where the branch was set back', async () => {
    const first = repository.push(base)
    const second = repository.push({ 'data.json': '{}' })
    const source = sourceOf()
    await source.read()
    repository.push({}, { on: first, force: true }) // beside the second
    repository.git('push', '--quiet', '--force', 'origin', `${first}:refs/heads/main`)
    const [here, anew] = [await followed(source, second), await followed(sourceOf({ directory: join(copies, 'new') }), second)]
    expect(here).toMatch(/is older than the active commit .* set back.*sallyport policy rollback/)
    // A copy that was made afterwards never saw the second commit.
    expect(anew).toMatch(/does not follow the active commit .*sallyport policy rollback/)
  })

  test('not where the history was rewritten, until there is a commit on top of the active one', async () => {
    const first = repository.push(base)
    const second = repository.push({ 'data.json': '{}' })
    const source = sourceOf()
    expect(await followed(source, first)).toBeUndefined()
    repository.push({ 'data.json': '{"evil": 1}' }, { on: first, force: true })
    expect(await followed(source, second)).toMatch(/does not follow the active commit .* rewritten/)
    repository.push({ 'data.json': '{"good": 1}' }, { on: second, force: true })
    expect(await followed(source, second)).toBeUndefined()
  })

  test('not where that cannot be told', async () => {
    const first = repository.push(base)
    repository.push({ 'data.json': '{}' })
    const source = sourceOf()
    const read = good(await source.read())
    rmSync(repository.path, { recursive: true })
    expect(await read.follows?.(active(first))).toMatch(/cannot be told/)
  })
})

describe('faults', () => {
  test.each([
    ['a branch that is not there', () => ({ wanted: { ref: 'refs/heads/none' } }), 'ref_missing'],
    ['a commit that is not there', () => ({ wanted: { commit: 'a'.repeat(40) } }), 'ref_missing'],
    ['a repository that is not there', () => ({ url: `${repository.url}.none` }), 'repository_missing'],
    ['a transport that was not meant', () => ({ url: `ext::sh -c touch% ${join(copies, 'proof')}` }), 'fetch_failed'],
  ])('%s is told, and nothing else happens', async (_, change, code) => {
    repository.push(base)
    expect(codes(await sourceOf(change()).read())).toEqual([code])
    expect(existsSync(join(copies, 'proof'))).toBe(false)
  })

  test('a repository on this machine that belongs to somebody else is told of as such', async () => {
    if (process.getuid?.() !== 0) return void process.stderr.write('SKIPPED: only root can give a repository to somebody else\n')
    repository.push(base)
    execFileSync('chown', ['-R', '54321', repository.path])
    expect(codes(await sourceOf().read())).toEqual(['repository_owner'])
  })

  test('a repository that vanishes is told, and is read again when it is back', async () => {
    repository.push(base)
    const source = sourceOf()
    await source.read()
    execFileSync('mv', [repository.path, `${repository.path}.away`])
    expect(codes(await source.read())).toEqual(['repository_missing'])
    execFileSync('mv', [`${repository.path}.away`, repository.path])
    expect((await source.read()).ok).toBe(true)
  })

  test.each([
    ['objects are gone', (copy: string) => rmSync(join(copy, 'objects'), { recursive: true })],
    ['a pack is damaged', (copy: string) => {
      const packs = join(copy, 'objects/pack')
      for (const name of readdirSync(packs).filter((file) => file.endsWith('.pack'))) {
        rmSync(join(packs, name), { force: true })
        writeFileSync(join(packs, name), 'PACK nothing')
      }
    }],
    ['a lock was left', (copy: string) => {
      writeFileSync(join(copy, 'shallow.lock'), '')
      writeFileSync(join(copy, 'refs/sallyport/tip.lock'), '')
    }],
    ['another program wrote over its settings', (copy: string) => writeFileSync(join(copy, 'config'), '[core\n')],
  ])('a copy in which %s is made anew', async (_, damage) => {
    repository.push(base)
    const source = sourceOf()
    await source.read()
    damage(join(copies, 'repository.git'))
    const commit = repository.push({ 'data.json': '{}' })
    expect(good(await source.read()).sources.commit).toBe(commit)
  })

  test('a repository larger than may be is given up while it is fetched, and leaves nothing', async () => {
    const noise = execFileSync('head', ['-c', '6000000', '/dev/urandom'], { maxBuffer: 10_000_000 })
    repository.push({ ...base, 'large.bin': noise })
    expect(codes(await sourceOf({ limits: { largest: 1_000_000 } }).read())).toEqual(['too_large'])
    expect(readdirSync(copies)).toEqual([])
  })

  test('a disk without room is told, and the repository is read when there is some again', async () => {
    const small = join(copies, 'small')
    mkdirSync(small)
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'none', small]).status !== 0) return void process.stderr.write('SKIPPED: no small file system can be mounted here, so a full one is not tried\n')
    try {
      repository.push({ ...base, 'large.bin': execFileSync('head', ['-c', '1000000', '/dev/urandom'], { maxBuffer: 2_000_000 }) })
      const source = sourceOf({ directory: small })
      expect(codes(await source.read())).toEqual(['disk_full'])
      expect(codes(await source.read())).toEqual(['disk_full'])
      expect(spawnSync('mount', ['-o', 'remount,size=20m', small]).status).toBe(0)
      expect((await source.read()).ok).toBe(true)
    } finally {
      await Promise.all(opened.splice(0).map((source) => source.close?.()))
      spawnSync('umount', [small])
    }
  })

  test('closing ends what runs', async () => {
    repository.push(base)
    const source = sourceOf()
    const read = source.read()
    await source.close?.()
    expect(codes(await read)).toEqual(['stopped'])
  })
})

test('what changes is told, once, and what cannot be reached too', async () => {
  repository.push(base)
  const source = sourceOf({ poll: 50 })
  await source.read()
  let told = Promise.withResolvers<void>()
  let current = Promise.withResolvers<void>()
  const watching = source.watch?.(() => told.resolve(), () => current.resolve())
  await current.promise
  const commit = repository.push({ 'data.json': '{}' })
  await told.promise
  expect(good(await source.read()).sources.commit).toBe(commit)
  told = Promise.withResolvers()
  execFileSync('mv', [repository.path, `${repository.path}.away`])
  await told.promise
  expect(codes(await source.read())).toEqual(['repository_missing'])
  execFileSync('mv', [`${repository.path}.away`, repository.path])
  told = Promise.withResolvers()
  await told.promise
  expect((await source.read()).ok).toBe(true)
  current = Promise.withResolvers()
  await current.promise
  watching?.close()
})
