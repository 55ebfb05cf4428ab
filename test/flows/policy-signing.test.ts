import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSettings } from '../../src/config/load.ts'
import { findNativeOpa } from '../bundle/native-opa.ts'
import { until } from '../support/conditions.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { writeGatewayFiles } from '../support/gateway-files.ts'

// What one gateway hands on, signed by its own key: another gateway that demands the signature follows it, also when it goes back, and a native opa believes it.

const pair = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { open: publicKey.export({ type: 'spki', format: 'pem' }).toString(), secret: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
const [ours, theirs] = [pair(), pair()]
const upstreams = { stub: { url: 'http://127.0.0.1:9/' } }
const operator = { subject: 'olga', groups: ['ops'] }
const policy = (word: string) => ({ 'policies/words/words.rego': `package policies.words\n\nallow if input.message.call.name == "${word}"\n` })
let keys: string
let first: TestGateway
let second: TestGateway
const follow = async (verify: object, key = 'policy.pub'): Promise<TestGateway> => startGateway({
  upstreams, rego: {}, env: { TOKEN: await first.token(operator, 'api') },
  settings: {
    logging: { level: 'error' },
    policy: {
      source: { kind: 'bundle', url: `${first.url}/api/v1/policy/bundle`, poll: '1s', wait: '1m', credentials: { kind: 'bearer', token_from: { env: 'TOKEN' } } },
      verify: { keys: [{ file: join(keys, key), id: 'gateway' }], scope: 'production', ...verify },
    },
  },
})
const active = (gateway: TestGateway) => gateway.gateway.pipeline.status().active
const served = async (): Promise<Buffer> => Buffer.from(await (await fetch(`${first.url}/api/v1/policy/bundle`, { headers: { authorization: `Bearer ${await first.token(operator, 'api')}` } })).arrayBuffer())

beforeAll(async () => {
  keys = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
  writeFileSync(join(keys, 'sign.pem'), ours.secret, { mode: 0o600 })
  writeFileSync(join(keys, 'policy.pub'), ours.open)
  writeFileSync(join(keys, 'other.pub'), theirs.open)
  const settings = {
    workers: 2, logging: { level: 'error' },
    policy: { source: { kind: 'directory', path: 'rego' }, sign: { key_from: { file: join(keys, 'sign.pem') }, algorithm: 'ES256', key_id: 'gateway', scope: 'production' } },
  }
  first = await startGateway({ upstreams, rego: policy('one'), settings })
  second = await follow({})
})
afterAll(async () => {
  await second?.gateway.close()
  await first?.close()
  if (second !== undefined) rmSync(second.directory, { recursive: true, force: true })
  rmSync(keys, { recursive: true, force: true })
})

test('it is signed as a stage of its own, and who demands that takes it', () => {
  const { stages = [] } = first.gateway.pipeline.status().last_run ?? {}
  expect(stages.map(({ name }) => name).slice(-4)).toEqual(['sign', 'verify', 'order', 'activate'])
  expect(active(second)?.digest).toBe(active(first)?.digest)
  expect(active(second)?.order).toBeGreaterThan(0)
})

test('what comes next is taken, and what is gone back to', async () => {
  const before = active(first)?.digest ?? ''
  for (const [name, text] of Object.entries(policy('two'))) first.writePolicy(name, text)
  expect((await first.gateway.pipeline.run()).error).toBeUndefined()
  expect(active(first)?.digest).not.toBe(before)
  await until(() => active(second)?.digest === active(first)?.digest)
  const done = await first.gateway.pipeline.rollback(before, { by: { issuer: 'x', subject: 'olga' }, reason: 'two was wrong' })
  expect(done).toEqual({ ok: true })
  await until(() => active(second)?.digest === before)
})

test('who trusts another key, or wants it for something else, does not', async () => {
  await expect(follow({ scope: 'staging' })).rejects.toThrow(/foreign_scope/)
  await expect(follow({}, 'other.pub')).rejects.toThrow(/bad_signature/)
})

const native = findNativeOpa()
;(native === undefined ? test.skip : test)('a native opa believes it under this key, and under no other', async () => {
  const file = join(keys, 'served.tar.gz')
  writeFileSync(file, await served())
  const believe = (key: string, scope: string) => spawnSync(native ?? '', ['build', '--bundle', file, '--verification-key', join(keys, key), '--verification-key-id', 'gateway', '--signing-alg', 'ES256', '--scope', scope, '--output', join(keys, 'built.tar.gz')], { encoding: 'utf8' })
  expect(believe('policy.pub', 'production')).toMatchObject({ status: 0 })
  expect(believe('other.pub', 'production').status).not.toBe(0)
  expect(believe('policy.pub', 'staging').status).not.toBe(0)
  expect(readFileSync(join(keys, 'built.tar.gz')).length).toBeGreaterThan(1_000)
})

test('a key that is none, or for another algorithm, is an error at start', async () => {
  const problemsOf = async (sign: object): Promise<readonly unknown[]> => {
    const { config, directory } = await writeGatewayFiles({ upstreams, rego: policy('one'), settings: { policy: { source: { kind: 'directory', path: 'rego' }, sign } } })
    const loaded = await loadSettings(config, { KEY: ours.secret, PUBLIC: ours.open, SHORT: 'short', TEXT: 'x'.repeat(32) })
    rmSync(directory, { recursive: true, force: true })
    return loaded.ok ? [] : loaded.problems
  }
  const key = (name: string) => ({ key_from: { env: name } })
  for (const sign of [{ ...key('KEY'), algorithm: 'RS256' }, { ...key('KEY'), algorithm: 'HS256' }, key('PUBLIC'), key('TEXT'), { ...key('SHORT'), algorithm: 'HS512' }, key('NOTHING')]) {
    expect(await problemsOf(sign)).toMatchObject([{ path: 'policy.sign.key_from', found: expect.any(String), expected: expect.any(String) }])
  }
  expect(await problemsOf({ ...key('KEY'), algorithm: 'ES521' })).toMatchObject([{ path: 'policy.sign.algorithm' }])
  expect(await problemsOf({ ...key('TEXT'), algorithm: 'HS256' })).toEqual([])
  expect(await problemsOf(key('KEY'))).toEqual([])
})
