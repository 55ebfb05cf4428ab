import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { buildBundle } from '../../src/bundle/build.ts'
import { createOpa } from '../../src/bundle/opa.ts'
import { readBuildOptions } from '../../src/bundle/options.ts'
import { readDirectory } from '../../src/bundle/source/read-directory.ts'
import { packBundle } from '../../src/bundle/trust/bundle-file.ts'
import { readSigningKey } from '../../src/bundle/trust/keys.ts'
import { readTar } from '../../src/bundle/trust/read-tar.ts'
import { signBundle } from '../../src/bundle/trust/sign.ts'
import { writeTar } from '../../src/bundle/trust/tar.ts'
import { directoryOf } from '../bundle/support.ts'
import { roles, rolesFile } from '../support/gateway-files.ts'
import { until } from '../support/conditions.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { createRepository } from '../support/git-repository.ts'

const pair = (): { readonly open: string; readonly secret: string } => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { open: publicKey.export({ type: 'spki', format: 'pem' }).toString(), secret: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
const ours = pair()
const opa = createOpa()
afterAll(() => opa.close())

const plain = async (word: string): Promise<Buffer> => {
  const read = await readDirectory(await directoryOf({ 'policies/words/words.rego': `package policies.words\n\nallow if input.message.call.name == "${word}"\n`, [rolesFile]: roles }), { revision: word })
  const built = read.ok ? await buildBundle(read.sources, { opa, ...(await readBuildOptions()) }) : read
  if (!read.ok || !built.ok) throw new Error(JSON.stringify(built))
  return packBundle(read.sources, built.bundle)
}
const signed = async (bytes: Buffer, sequence: number, { secret = ours.secret, scope = 'production' } = {}): Promise<Buffer> => {
  const key = readSigningKey(secret, { id: 'release' })
  const made = key.ok ? await signBundle(bytes, { key: key.key, scope, sequence, clock: Date.now }) : key
  if (!('bytes' in made)) throw new Error(JSON.stringify(made))
  return made.bytes
}
const altered = (bytes: Buffer, change: (files: Map<string, Buffer>) => void): Buffer => {
  const read = readTar(gunzipSync(bytes))
  if (!read.ok) throw new Error(read.why)
  const files = new Map(read.files)
  change(files)
  return gzipSync(writeTar(files))
}

interface Place {
  readonly root: string
  readonly file: string
  /** Whole or not at all, as a careful deployment does it. */
  put(bytes: Buffer): Promise<void>
  start(directory?: string): Promise<TestGateway>
}
const place = async (policy: Readonly<Record<string, unknown>> = {}, workers = 1): Promise<Place> => {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  const file = join(root, 'bundle.tar.gz')
  writeFileSync(join(root, 'policy.pub'), ours.open)
  const source = { kind: 'bundle', url: `file://${file}`, poll: '1s' }
  return {
    root, file,
    async put(bytes) {
      await writeFile(`${file}.new`, bytes)
      await rename(`${file}.new`, file)
    },
    start: (directory) =>
      startGateway({
        upstreams: { stub: { url: 'http://127.0.0.1:9/' } }, rego: {},
        settings: { workers, logging: { level: 'error' }, policy: { source, verify: { keys: [{ file: join(root, 'policy.pub'), id: 'release' }], scope: 'production' }, ...policy } },
        ...(directory === undefined ? {} : { directory }),
      }),
  }
}
const status = (gateway: TestGateway) => gateway.gateway.pipeline.status()
const told = (gateway: TestGateway): string => status(gateway).last_run?.problems.map(({ code, file }) => (file === undefined ? code : `${code} ${file}`)).join() ?? ''

test('only what is signed as it should be, whole, and newer than what was, becomes active; the rest is told', async () => {
  const { root, file, put, start } = await place()
  const [one, two, three] = await Promise.all(['one', 'two', 'three'].map(plain)) as [Buffer, Buffer, Buffer]
  const first = await signed(one, 10)
  await put(one)
  await expect(start()).rejects.toThrow(/not signed/)
  await put(first)
  let gateway = await start()
  const { directory } = gateway
  try {
    const active = () => status(gateway).active
    const good = active()
    expect(good).toMatchObject({ revision: 'one', order: 10 })
    const newer = await signed(two, 11)
    const bad: readonly (readonly [string, Buffer])[] = [
      ['unsigned', two],
      ['bad_signature', await signed(two, 12, { secret: pair().secret })],
      ['foreign_scope', await signed(two, 12, { scope: 'staging' })],
      ['file_altered policies/words/words.rego', altered(newer, (files) => files.set('policies/words/words.rego', Buffer.from('package policies.words\n\nallow := true\n')))],
      ['file_altered policy.wasm', altered(newer, (files) => files.set('policy.wasm', Buffer.from('else')))],
      ['file_missing data.json', altered(newer, (files) => files.delete('data.json'))],
      ['file_not_signed policies/more.rego', altered(newer, (files) => files.set('policies/more.rego', Buffer.from('package policies.more\n\nallow := true\n')))],
      ['not_a_bundle', newer.subarray(0, 900)],
      ['not_a_bundle', Buffer.from('nothing')],
      ['not_newer', await signed(two, 9)],
      ['not_newer', await signed(two, 10)],
    ]
    for (const [code, bytes] of bad) {
      await put(bytes)
      await gateway.gateway.pipeline.run()
      expect([told(gateway), active()]).toEqual([code, good])
    }
    await put(newer)
    await until(() => active()?.revision === 'two')

    // A restart knows what was the newest; what is older does not come in by that door, and without the file it judges on.
    await gateway.gateway.close()
    await put(first)
    gateway = await start(directory)
    expect([told(gateway), active()?.revision, active()?.order]).toEqual(['not_newer', 'two', 11])
    await gateway.gateway.close()
    await rm(file)
    gateway = await start(directory)
    expect([told(gateway), active()?.revision]).toEqual(['unreadable', 'two'])
    await put(await signed(three, 12))
    await until(() => active()?.revision === 'three')

    // What was kept is believed for its seal, not for its place.
    await gateway.gateway.close()
    await rm(file)
    const kept = join(directory, 'sallyport.db.bundles')
    for (const name of readdirSync(kept).filter((each) => each.endsWith('.tar.gz'))) await writeFile(join(kept, name), first)
    await expect(start(directory)).rejects.toThrow(/cannot be used/)
  } finally {
    await gateway.gateway.close()
    for (const each of [directory, root]) rmSync(each, { recursive: true, force: true })
  }
})

test('what was signed by a key that is not believed any more does not come back, neither without its source nor by a rollback', async () => {
  const { root, file, put, start } = await place()
  const next = pair()
  const [one, two, three] = await Promise.all(['one', 'two', 'three'].map(plain)) as [Buffer, Buffer, Buffer]
  const rollback = (gateway: TestGateway, digest = '') => gateway.gateway.pipeline.rollback(digest, { by: { issuer: 'https://people.example', subject: 'olga' }, reason: 'three is wrong' })
  await put(await signed(one, 10))
  let gateway = await start()
  const { directory } = gateway
  try {
    await put(await signed(two, 11))
    await until(() => status(gateway).active?.revision === 'two')
    const kept = gateway.gateway.pipeline.kept().map(({ digest }) => digest)
    await gateway.gateway.close()
    await rm(file)

    writeFileSync(join(root, 'policy.pub'), next.open)
    await expect(start(directory)).rejects.toThrow(new RegExp(`${kept[0]}: .*not made by a key that is trusted`))
    await put(await signed(three, 12, { secret: next.secret }))
    gateway = await start(directory)
    expect(status(gateway).active?.revision).toBe('three')
    expect(await rollback(gateway, kept[1])).toMatchObject({ ok: false, code: 'not_usable', message: expect.stringContaining('not made by a key that is trusted') })
    expect([status(gateway).active?.revision, gateway.gateway.pipeline.acts(1)]).toEqual(['three', []])

    // The key is what was missing.
    writeFileSync(join(root, 'policy.pub'), ours.open)
    expect(await rollback(gateway, kept[1])).toEqual({ ok: true })
    expect(status(gateway).active?.revision).toBe('one')
    await gateway.gateway.close()
    await rm(file)
    gateway = await start(directory)
    expect(status(gateway)).toMatchObject({ active: { revision: 'one' }, rolled_back: { digest: kept[1] } })
  } finally {
    await gateway.gateway.close()
    for (const each of [directory, root]) rmSync(each, { recursive: true, force: true })
  }
})

test('nor does a commit of a signer who is not allowed any more', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  const repository = createRepository()
  const keyOf = (name: string): string => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(root, name)])
    return join(root, name)
  }
  const [ada, bob] = [keyOf('ada'), keyOf('bob')]
  const allow = (...names: readonly string[]): void => writeFileSync(join(root, 'signers'), names.map((name) => `${name}@example.com namespaces="git" ${readFileSync(join(root, `${name}.pub`), 'utf8')}`).join(''))
  const start = (directory?: string) =>
    startGateway({
      upstreams: { stub: { url: 'http://127.0.0.1:9/' } }, rego: {},
      settings: { workers: 1, logging: { level: 'error' }, policy: { source: { kind: 'git', url: repository.url, branch: 'main' }, verify: { commits: { allowed_signers: { file: join(root, 'signers') } } } } },
      ...(directory === undefined ? {} : { directory }),
    })
  const policy = (word: string) => ({ 'policies/words/words.rego': `package policies.words\n\nallow if input.message.call.name == "${word}"\n` })
  allow('ada', 'bob')
  repository.push(policy('one'), { key: ada })
  let gateway = await start()
  const { directory } = gateway
  try {
    const [kept] = gateway.gateway.pipeline.kept()
    const commit = repository.push(policy('two'), { key: bob })
    expect((await gateway.gateway.pipeline.run()).problems).toEqual([])
    await gateway.gateway.close()
    repository.remove()

    allow('bob')
    gateway = await start(directory)
    expect(status(gateway).active?.commit).toBe(commit)
    await expect(gateway.gateway.pipeline.rollback(kept?.digest ?? '', { by: { issuer: 'i', subject: 's' }, reason: 'x' })).resolves.toMatchObject({ ok: false, code: 'not_usable', message: expect.stringContaining('commit_signer') })
    await gateway.gateway.close()
    allow('ada')
    await expect(start(directory)).rejects.toThrow(/not one of an allowed signer/)
  } finally {
    await gateway.gateway.close()
    repository.remove()
    for (const each of [directory, root]) rmSync(each, { recursive: true, force: true })
  }
})

test('a policy that is not seen to be current for too long is an alarm, then denies, over a restart too, until it is again', async () => {
  const { root, file, put, start } = await place({ max_age: { alarm: '1s', deny: '3s' } }, 2)
  const bytes = await signed(await plain('one'), 1)
  await put(bytes)
  let gateway = await start()
  const { directory } = gateway
  const metric = async (name: string): Promise<number> => Number(new RegExp(`^sallyport_policy_${name} (\\d+)`, 'm').exec(await gateway.gateway.metrics.print())?.[1])
  try {
    expect(status(gateway).source?.state).toBe('current')
    await rm(file)
    await until(() => status(gateway).source?.state === 'alarm')
    expect([await metric('alarm'), await metric('stale')]).toEqual([1, 0])
    await until(() => status(gateway).source?.state === 'stale')
    expect([await metric('alarm'), await metric('stale')]).toEqual([1, 1])
    expect(await reasonOf(gateway)).toBe('sallyport/policy_stale')

    await gateway.gateway.close()
    gateway = await start(directory)
    expect(status(gateway)).toMatchObject({ active: { revision: 'one' }, source: { state: 'stale' } })
    expect(await reasonOf(gateway)).toBe('sallyport/policy_stale')

    await put(bytes)
    await until(() => status(gateway).source?.state === 'current')
    expect([await metric('alarm'), await metric('stale')]).toEqual([0, 0])
    expect(await reasonOf(gateway)).not.toBe('sallyport/policy_stale')
  } finally {
    await gateway.gateway.close()
    for (const each of [directory, root]) rmSync(each, { recursive: true, force: true })
  }
})

/** The rule that decided about a greeting, as it was recorded. */
async function reasonOf(gateway: TestGateway): Promise<string> {
  const subject = `caller-${Math.random()}`
  await fetch(gateway.mcp('stub'), {
    method: 'POST',
    headers: { authorization: `Bearer ${await gateway.token({ subject, groups: [] }, 'stub')}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'plain', version: '1' } } }),
  })
  const headers = { authorization: `Bearer ${await gateway.token({ subject: 'aude', groups: ['audit'] }, 'api')}` }
  const get = async <T>(path: string): Promise<readonly T[]> => ((await (await fetch(`${gateway.url}/api/v1/${path}`, { headers })).json()) as { items: T[] }).items
  const [session] = await get<{ id: string }>(`sessions?actor=${encodeURIComponent(subject)}`)
  const [event] = await get<{ decision: { reasons: { rule: string }[] } }>(`sessions/${session?.id}/events`)
  return event?.decision.reasons[0]?.rule ?? ''
}
