import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOpa } from '../../../src/bundle/opa.ts'
import { readBuildOptions } from '../../../src/bundle/options.ts'
import { createPipeline } from '../../../src/bundle/pipeline/activate.ts'
import type { Pipeline, PipelineOptions } from '../../../src/bundle/pipeline/activate.ts'
import { createGitSource } from '../../../src/bundle/source/git/source.ts'
import type { Source } from '../../../src/bundle/source/source.ts'
import { openArchive } from '../../../src/bundle/trust/archive.ts'
import { createCustody } from '../../../src/bundle/trust/custody.ts'
import type { Custody, CustodyOptions } from '../../../src/bundle/trust/custody.ts'
import type { BuiltBundle } from '../../../src/policy/bundle.ts'
import { createPolicyEngine } from '../../../src/policy/engine.ts'
import { openPolicyActs } from '../../../src/store/sqlite/policy-acts.ts'
import { prepareSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { createRepository } from '../../support/git-repository.ts'
import type { GitRepository } from '../../support/git-repository.ts'
import { quiet } from '../../support/gateway.ts'

const opa = createOpa()
afterAll(() => opa.close())
const olga = { issuer: 'https://people.example', subject: 'olga', email: 'olga@example.com' }
const key = randomBytes(32)
const policyOf = (word: string): Readonly<Record<string, string>> => ({ 'policies/words/words.rego': `package policies.words\n\nallow if input.message.call.name == "${word}"\n` })

interface Opened {
  readonly pipeline: Pipeline
  readonly custody: Custody
  readonly source: Source
  /** The commit that judges, and what the last run said. */
  told(): readonly [string | undefined, readonly string[]]
  close(): Promise<void>
}
/** A pipeline as a gateway has it, from a real repository to a real engine; opened again it is a restart. */
const open = async (directory: string, repository: GitRepository, more: Partial<PipelineOptions> & { readonly name?: string; readonly trust?: string; readonly disbelief?: CustodyOptions['disbelief']; readonly around?: (source: Source) => Source } = {}): Promise<Opened> => {
  const { name = 'main', trust = '', disbelief = async () => undefined, around = (source) => source, ...options } = more
  const store = join(directory, 'store.db')
  prepareSqliteStore({ path: store, logger: quiet, at: Date.now() }).release()
  const archive = await openArchive({ directory: `${store}.bundles`, key })
  const custody = createCustody({ archive, acts: openPolicyActs(store), source: name, trust, disbelief, clock: Date.now, logger: quiet })
  const engine = createPolicyEngine({ detectors: [], logger: quiet })
  const source = around(createGitSource({ url: repository.url, transport: 'file', wanted: { ref: 'refs/heads/main' }, directory: `${store}.source`, poll: 3_600_000 }))
  const build = await readBuildOptions()
  const pipeline = createPipeline({ ...build, opa, source, engine, custody, logger: quiet, clock: Date.now, ...options })
  return {
    pipeline, custody, source,
    told: () => [pipeline.status().active?.commit, pipeline.status().last_run?.problems.map(({ code }) => code) ?? []],
    async close() {
      await pipeline.close()
      await source.close?.()
      await engine.close()
    },
  }
}
const world = (): { readonly directory: string; readonly repository: GitRepository; remove(): void } => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
  const repository = createRepository()
  return { directory, repository, remove: () => (rmSync(directory, { recursive: true, force: true }), repository.remove()) }
}

test('a force-push changes nothing, neither at once nor over a restart; going back is an act, and then only what is newer counts', async () => {
  const { directory, repository, remove } = world()
  const first = repository.push(policyOf('one'))
  const second = repository.push(policyOf('two'))
  let opened = await open(directory, repository)
  try {
    await opened.pipeline.run()
    expect(opened.told()).toEqual([second, []])
    repository.git('push', '--quiet', '--force', 'origin', `${first}:refs/heads/main`)
    await opened.pipeline.run()
    expect(opened.told()).toEqual([second, ['not_newer']])
    await opened.close()
    opened = await open(directory, repository)
    await opened.pipeline.run()
    expect(opened.told()).toEqual([second, ['not_newer']])

    // The same text on another history is no way around it.
    const beside = repository.push(policyOf('two'), { on: first, force: true })
    await opened.pipeline.run()
    expect(opened.told()).toEqual([second, ['not_newer']])
    const third = repository.push(policyOf('three'), { on: second, force: true })
    await opened.pipeline.run()
    expect(opened.told()).toEqual([third, []])

    const kept = opened.custody.kept()
    expect(kept.map(({ commit }) => commit)).toEqual([third, second])
    expect(await opened.pipeline.rollback(kept[1]?.digest ?? '', { by: olga, reason: 'three is wrong' })).toEqual({ ok: true })
    expect(opened.told()[0]).toBe(second)
    for (const [pushed, code] of [
      [() => undefined, 'rolled_back'],
      [() => repository.git('push', '--quiet', '--force', 'origin', `${beside}:refs/heads/main`), 'not_newer'],
      [() => repository.push(policyOf('four'), { on: second, force: true }), 'not_newer'],
      [() => repository.git('push', '--quiet', '--force', 'origin', `${third}:refs/heads/main`), 'rolled_back'],
    ] as const) {
      pushed()
      await opened.pipeline.run()
      expect(opened.told()).toEqual([second, [code]])
    }
    await opened.close()
    opened = await open(directory, repository)
    await opened.pipeline.run()
    expect(opened.told()).toEqual([second, ['rolled_back']])
    const fixed = repository.push(policyOf('five'), { on: third })
    await opened.pipeline.run()
    expect(opened.told()).toEqual([fixed, []])
    expect(opened.pipeline.status().rolled_back).toBeUndefined()
    expect(opened.custody.acts(9).map(({ kind, from, to, by }) => [kind, from.commit, to?.commit, by?.subject])).toEqual([['resume', third, fixed, undefined], ['rollback', third, second, 'olga']])
  } finally {
    await opened.close()
    remove()
  }
})

/** Something that is reached and then waits until it is let go on, once. */
const gate = () => {
  const [reached, free] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let isShut = true
  const pass = async (): Promise<void> => {
    if (!isShut) return
    isShut = false
    reached.resolve()
    await free.promise
  }
  return { pass, reached: reached.promise, free: free.resolve }
}
type Gate = ReturnType<typeof gate>['pass']

describe('whoever goes back waits for no run, wherever it is', () => {
  const places: readonly [string, (pass: Gate) => Partial<PipelineOptions> & { readonly around?: (source: Source) => Source }][] = [
    ['the source is read', (pass) => ({ around: (source) => ({ ...source, read: async () => (await pass(), source.read()) }) })],
    ['it is built', (pass) => ({ opa: { ...opa, bundle: async (asked) => (await pass(), opa.bundle(asked)) } })],
    ['the source is asked whether it may follow', (pass) => ({
      around: (source) => ({
        ...source,
        async read() {
          const read = await source.read()
          return read.ok ? { ...read, follows: async (before) => (await pass(), read.follows?.(before)) } : read
        },
      }),
    })],
  ]
  test.each(places)('while %s', async (_, waiting) => {
    const { directory, repository, remove } = world()
    repository.push(policyOf('one'))
    let hold: Gate = async () => undefined
    const opened = await open(directory, repository, waiting(() => hold()))
    try {
      await opened.pipeline.run()
      const second = repository.push(policyOf('two'))
      await opened.pipeline.run()
      const [now, before] = opened.custody.kept()
      expect(now?.commit).toBe(second)
      // What it finds is newer than that, as if it had come a moment later.
      const { pass, reached, free } = gate()
      hold = pass
      const third = repository.push(policyOf('three'))
      const running = opened.pipeline.run()
      await reached
      expect(await opened.pipeline.rollback(before?.digest ?? '', { by: olga, reason: 'two is wrong' })).toEqual({ ok: true })
      expect(opened.pipeline.status().active?.digest).toBe(before?.digest)
      free()
      expect((await running).problems).toEqual([])
      expect(opened.told()).toEqual([third, []])
      expect(opened.pipeline.status().rolled_back).toBeUndefined()
      expect(opened.custody.acts(1)).toMatchObject([{ kind: 'resume', from: { commit: second }, to: { commit: third } }])
    } finally {
      await opened.close()
      remove()
    }
  })
})

test('what a run finds that began before somebody went back from it stays away', async () => {
  const { directory, repository, remove } = world()
  repository.push(policyOf('one'))
  let hold: Gate = async () => undefined
  const opened = await open(directory, repository, { around: (source) => ({ ...source, read: async () => (await hold(), source.read()) }) })
  try {
    await opened.pipeline.run()
    repository.push(policyOf('two'))
    await opened.pipeline.run()
    const [now, before] = opened.custody.kept()
    const { pass, reached, free } = gate()
    hold = pass
    const running = opened.pipeline.run()
    await reached
    expect(await opened.pipeline.rollback(before?.digest ?? '', { by: olga, reason: 'two is wrong' })).toEqual({ ok: true })
    free()
    expect((await running).problems).toMatchObject([{ code: 'rolled_back' }])
    expect(opened.pipeline.status()).toMatchObject({ active: { digest: before?.digest }, rolled_back: { from: now?.digest } })
  } finally {
    await opened.close()
    remove()
  }
})

test('what the gateway has of its own may change: what was rolled back from stays known', async () => {
  const { directory, repository, remove } = world()
  repository.push(policyOf('one'))
  const opened = await open(directory, repository)
  try {
    await opened.pipeline.run()
    const second = repository.push(policyOf('two'))
    await opened.pipeline.run()
    const [, oldest] = opened.custody.kept()
    await opened.pipeline.rollback(oldest?.digest ?? '', { by: olga, reason: 'x' })
    const read = await opened.source.read()
    if (!read.ok) throw new Error('it cannot be read')
    const { follows: _, ...said } = read
    const changed = { ...said, sources: { ...said.sources, data: { x: 1 } } }
    const bundle = (digest: string, commit?: string) => ({ digest, ...(commit === undefined ? {} : { commit }) }) as unknown as BuiltBundle
    const other = `bnd_${'1'.repeat(32)}`
    expect(await opened.custody.order(bundle(other, second), changed)).toMatchObject({ code: 'rolled_back' })
    expect(await opened.custody.order(bundle(other, 'c0ffee'), said)).toMatchObject({ code: 'rolled_back' })
    expect(await opened.custody.order(bundle(other, 'c0ffee'), changed)).toBeUndefined()
  } finally {
    await opened.close()
    remove()
  }
})

test('a source at another place begins anew', async () => {
  const { directory, repository, remove } = world()
  const other = createRepository()
  repository.push(policyOf('one'))
  let opened = await open(directory, repository)
  try {
    await opened.pipeline.run()
    await opened.close()
    const commit = other.push(policyOf('two'))
    opened = await open(directory, other, { name: 'other' })
    await opened.pipeline.run()
    expect(opened.told()).toEqual([commit, []])
  } finally {
    await opened.close()
    other.remove()
    remove()
  }
})

test('without its source a pipeline comes back on what was active last, and on nothing older when that was damaged', async () => {
  const { directory, repository, remove } = world()
  repository.push(policyOf('one'))
  let opened = await open(directory, repository)
  try {
    await opened.pipeline.run()
    const second = repository.push(policyOf('two'))
    await opened.pipeline.run()
    const [newest] = opened.custody.kept()
    await opened.close()
    repository.remove()
    opened = await open(directory, repository)
    await opened.pipeline.run()
    expect(opened.told()).toEqual([second, [expect.any(String)]])
    expect(opened.pipeline.status().active).toMatchObject({ digest: newest?.digest, revision: second })
    await opened.close()

    const folder = join(directory, 'store.db.bundles')
    writeFileSync(join(folder, `${newest?.digest}.tar.gz`), 'x')
    opened = await open(directory, repository)
    await opened.pipeline.run()
    expect(opened.pipeline.status().active).toBeUndefined()
    expect(opened.pipeline.status().last_run?.warnings.map(({ code }) => code)).toContain('not_kept')
    expect(readdirSync(folder).length).toBe(3)
  } finally {
    await opened.close()
    remove()
  }
})

test('what was active before more was demanded is not brought back, by nobody', async () => {
  const { directory, repository, remove } = world()
  const first = repository.push(policyOf('one'))
  let opened = await open(directory, repository)
  try {
    await opened.pipeline.run()
    const second = repository.push(policyOf('two'))
    await opened.pipeline.run()
    const [, before] = opened.custody.kept()
    await opened.close()
    opened = await open(directory, repository, { trust: 'commits' })
    await opened.pipeline.run()
    expect(opened.told()).toEqual([second, []])
    expect(await opened.pipeline.rollback(before?.digest ?? '', { by: olga, reason: 'x' })).toMatchObject({ ok: false, code: 'not_usable', message: expect.stringContaining('policy.verify') })
    expect(opened.custody.acts(1)).toEqual([])
    await opened.close()

    // As long as nothing of what is kept was verified so, there is nothing to come back on.
    repository.remove()
    opened = await open(directory, repository, { trust: 'keys production' })
    await opened.pipeline.run()
    expect(opened.pipeline.status().active).toBeUndefined()
    await opened.close()
    opened = await open(directory, repository, { trust: 'commits' })
    await opened.pipeline.run()
    expect(opened.told()[0]).toBe(second)
    expect(first).not.toBe(second)
  } finally {
    await opened.close()
    remove()
  }
})

test('a bundle that the engine refuses leaves no trace, and a rollback that fails is taken back', async () => {
  const { directory, repository, remove } = world()
  const first = repository.push(policyOf('one'))
  let refuses = false
  const engine = createPolicyEngine({ detectors: [], logger: quiet })
  const opened = await open(directory, repository, {
    engine: { activate: (bundle) => (refuses ? Promise.reject(new Error('it does not answer')) : engine.activate(bundle)) },
  })
  try {
    await opened.pipeline.run()
    refuses = true
    repository.push(policyOf('two'))
    await opened.pipeline.run()
    expect(opened.told()).toEqual([first, ['fault']])
    expect(opened.custody.kept().map(({ commit }) => commit)).toEqual([first])
    refuses = false
    await opened.pipeline.run()
    const [now, before] = opened.custody.kept()
    refuses = true
    await expect(opened.pipeline.rollback(before?.digest ?? '', { by: olga, reason: 'x' })).rejects.toThrow('it does not answer')
    expect(opened.pipeline.status()).toMatchObject({ active: { digest: now?.digest } })
    expect(opened.pipeline.status().rolled_back).toBeUndefined()
    expect(opened.custody.kept()[0]?.digest).toBe(now?.digest)
    expect(opened.custody.acts(9).map(({ kind, by }) => [kind, by?.subject])).toEqual([['resume', undefined], ['rollback', 'olga']])
  } finally {
    await opened.close()
    await engine.close()
    remove()
  }
})
