import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createPipeline } from '../../../src/bundle/pipeline/activate.ts'
import type { Pipeline, Run } from '../../../src/bundle/pipeline/activate.ts'
import { createDirectorySource, watchDirectory } from '../../../src/bundle/source/directory.ts'
import type { Source } from '../../../src/bundle/source/source.ts'
import { createOpa } from '../../../src/bundle/opa.ts'
import type { Logger, Question } from '../../../src/model.ts'
import { createPolicyEngine } from '../../../src/policy/engine.ts'
import { directoryOf, put } from '../support.ts'

const opa = createOpa()
const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
afterAll(() => opa.close())

const policyFor = (group: string): string => `package policies.crm\n\nallow if "${group}" in input.actor.groups\n`
const question = (group: string): Question => ({
  actor: { kind: 'person', subject: 'u', issuer: 'i', provider: 'p', groups: [group], groups_known: true, claims: {} },
  upstream: { name: 'crm', labels: {} },
  session: { id: 'ses_1', started_at: '2026-01-01T00:00:00.000Z', client: {}, calls: 0, denied: 0, approvals: 0, bytes_out: 0 },
  message: {
    direction: 'to_server',
    kind: 'request',
    method: 'tools/call',
    revision: '2025-06-18',
    call: { kind: 'tool', name: 'query', arguments: {}, annotations: {}, template: false },
    body: { name: 'query', arguments: {} },
  },
  entries: [],
  findings: [],
  now: '2026-01-01T00:00:00.000Z',
})

interface Setup {
  readonly pipeline: Pipeline
  readonly kindFor: (group: string) => Promise<string>
  /** The next run that ends. */
  readonly next: () => Promise<Run>
}
const setUp = async (source: Source): Promise<Setup> => {
  const engine = createPolicyEngine({ detectors: [], logger: quiet })
  const waiting: ((run: Run) => void)[] = []
  const told = (): void => {
    const run = pipeline.status().last_run
    if (run) for (const resolve of waiting.splice(0)) resolve(run)
  }
  const logger = { ...quiet, info: told, error: told }
  const pipeline: Pipeline = createPipeline({ source, opa, engine, logger, clock: Date.now, capabilities: await opa.capabilities(), detectors: [] })
  closing.push(() => engine.close(), () => pipeline.close())
  return {
    pipeline,
    kindFor: async (group) => (await engine.decide(question(group))).kind,
    next: () => new Promise((resolve) => waiting.push(resolve)),
  }
}

test('a run activates, and says when and what', async () => {
  const root = await directoryOf({ 'crm.rego': policyFor('support') })
  const { pipeline, kindFor } = await setUp(createDirectorySource(root))
  expect(pipeline.status()).toEqual({})
  expect(await kindFor('support')).toBe('deny')
  const run = await pipeline.run()
  expect(run.error).toBeUndefined()
  expect(run.stages.map(({ name, ok }) => `${name} ${ok}`)).toEqual(['read true', 'check true', 'semantics true', 'lint true', 'fmt true', 'build true', 'activate true'])
  expect(pipeline.status().active).toMatchObject({ digest: expect.stringMatching(/^bnd_/), activated_at: expect.stringMatching(/^2.*Z$/) })
  expect([await kindFor('support'), await kindFor('sales')]).toEqual(['allow', 'deny'])
})

test('a saved change becomes active, a bad one is told and changes nothing', async () => {
  const root = await directoryOf({ 'crm.rego': policyFor('support') })
  const { pipeline, kindFor, next } = await setUp(createDirectorySource(root))
  await pipeline.run()
  const first = pipeline.status().active

  let run = next()
  await put(root, 'crm.rego', `${policyFor('sales')}\nallow if {\n`)
  const failed = await run
  expect(failed.error).toMatch(/crm\.rego:\d+/)
  expect(failed.stages.at(-1)).toMatchObject({ name: 'check', ok: false })
  expect(pipeline.status().active).toEqual(first)
  expect([await kindFor('support'), await kindFor('sales')]).toEqual(['allow', 'deny'])

  run = next()
  await put(root, 'crm.rego', policyFor('sales'))
  expect((await run).error).toBeUndefined()
  expect([await kindFor('support'), await kindFor('sales')]).toEqual(['deny', 'allow'])
  expect(pipeline.status().active?.digest).not.toBe(first?.digest)

  run = next()
  await rm(root, { recursive: true })
  expect((await run).error).toBeTruthy()
  expect(await kindFor('sales')).toBe('allow')
})

test('what the engine refuses, and a source that breaks, leave the old bundle active', async () => {
  const root = await directoryOf({ 'crm.rego': policyFor('support') })
  let broken = false
  const directory = createDirectorySource(root)
  const { pipeline } = await setUp({ read: async () => (broken ? Promise.reject(new Error('the disk is gone')) : directory.read()) })
  await pipeline.run()
  const { active } = pipeline.status()
  broken = true
  expect(await pipeline.run()).toMatchObject({ error: expect.stringContaining('the disk is gone'), stages: [{ name: 'read', ok: false }] })
  expect(pipeline.status().active).toEqual(active)

  const engine = { activate: () => Promise.reject(new Error('it does not answer')) }
  const refusing = createPipeline({ source: directory, opa, engine, logger: quiet, clock: Date.now, capabilities: await opa.capabilities(), detectors: [] })
  expect(await refusing.run()).toMatchObject({ error: expect.stringContaining('it does not answer'), stages: expect.arrayContaining([expect.objectContaining({ name: 'activate', ok: false })]) })
  expect(refusing.status().active).toBeUndefined()
})

test('what failed here, not in the source, is tried again when the source still says the same', async () => {
  const root = await directoryOf({ 'crm.rego': policyFor('support') })
  let [now, full] = [Date.now(), true]
  let current: () => void = () => undefined
  const done: Run[] = []
  const ended: (() => void)[] = []
  const pipeline = createPipeline({
    source: { read: () => createDirectorySource(root).read(), watch: (_, onCurrent = () => undefined) => ((current = onCurrent), { close: () => undefined }) },
    engine: { activate: async () => (full ? Promise.reject(new Error('no space left on device')) : undefined) },
    opa, logger: quiet, clock: () => now, capabilities: await opa.capabilities(), detectors: [],
    onRun: (run) => {
      done.push(run)
      for (const resolve of ended.splice(0)) resolve()
    },
  })
  closing.push(() => pipeline.close())
  const next = async (): Promise<void> => {
    const over = new Promise<void>((resolve) => ended.push(resolve))
    current()
    await over
  }
  await pipeline.run()
  current() // too soon
  now += 30_000
  await next()
  full = false
  now += 30_000
  current() // what fails again is tried less often
  now += 30_000
  await next()
  current() // it is well
  expect(done.map(({ error }) => error !== undefined)).toEqual([true, true, false])
  expect(pipeline.status().active).toBeDefined()
})

test('calls that come while one runs share the next', async () => {
  const root = await directoryOf({ 'crm.rego': policyFor('support') })
  const directory = createDirectorySource(root)
  let reads = 0
  const { pipeline } = await setUp({
    read: () => {
      reads += 1
      return directory.read()
    },
  })
  const runs = await Promise.all([pipeline.run(), pipeline.run(), pipeline.run()])
  expect(reads).toBe(2)
  expect(runs[1]).toBe(runs[2])
})

test('a directory is watched to its depth, and files that are moved in count', async () => {
  const root = await directoryOf({ 'policies/crm/crm.rego': policyFor('support'), 'aside.rego': 'package policies.b\n' })
  let changed: () => void = () => {}
  const change = (): Promise<void> => new Promise((resolve) => (changed = resolve))
  const watching = watchDirectory(root, { onChange: () => changed(), quiet: 20 })
  closing.push(() => watching.close())
  let seen = change()
  await put(root, 'policies/crm/crm.rego', policyFor('sales'))
  await seen
  seen = change()
  await put(root, 'policies/new/deep/x.rego', 'package policies.x\n')
  await seen
  seen = change()
  await rename(join(root, 'aside.rego'), join(root, 'policies', 'aside.rego'))
  await seen
})

test('a directory that is replaced as a whole is seen again', async () => {
  const root = await directoryOf({ 'live/a.rego': 'package policies.a\n', 'next/a.rego': 'package policies.b\n', 'third/a.rego': 'package policies.longer\n' })
  const live = join(root, 'live')
  let changed: () => void = () => {}
  const change = (): Promise<void> => new Promise((resolve) => (changed = resolve))
  const watching = watchDirectory(live, { onChange: () => changed(), quiet: 20, interval: 50 })
  closing.push(() => watching.close())
  for (const name of ['next', 'third']) {
    const seen = change()
    await rename(live, join(root, `old-${name}`))
    await seen
    const again = change()
    await rename(join(root, name), live)
    await again
  }
})
