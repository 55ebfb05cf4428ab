import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { writeTar } from '../../../src/bundle/trust/tar.ts'
import { directoryOf } from '../../bundle/support.ts'
import { until } from '../../support/conditions.ts'
import { allowAll, startGateway } from '../../support/gateway.ts'
import { openPolicyRunner } from './run.ts'

const { run, close } = openPolicyRunner()
afterAll(close)

const keys = (): { readonly open: string; readonly secret: string } => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { open: publicKey.export({ type: 'spki', format: 'pem' }).toString(), secret: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
const setUp = async () => {
  const { open, secret } = keys()
  const directory = await directoryOf({ 'sign.pem': secret, 'policy.pub': open, 'other.pub': keys().open, 'weak.txt': 'secret' })
  const at = (name: string): string => join(directory, name)
  await chmod(at('sign.pem'), 0o600)
  await writeFile(at('plain.tar.gz'), gzipSync(writeTar(new Map([['/.manifest', Buffer.from('{"revision":"r1"}')], ['/a.rego', Buffer.from('package policies.a\n')]]))))
  return { at, secret, open }
}

test('what is signed verifies, with what was said of it, and nothing else does', async () => {
  const { at, secret } = await setUp()
  const out = ['--bundle', at('plain.tar.gz'), '-o', at('signed.tar.gz')]
  const made = await run(['sign', ...out, '--key', at('sign.pem'), '--key-id', 'release', '--scope', 'production', '--issuer', 'ci', '--sequence', '7', '--json'])
  expect([made.code, JSON.parse(made.stdout), made.stderr]).toEqual([0, { ok: true, output: at('signed.tar.gz'), algorithm: 'EdDSA', sequence: 7, files: 2 }, ''])

  const check = ['verify', '--bundle', at('signed.tar.gz'), '--scope', 'production', '--json']
  const fine = await run([...check, '--key', at('policy.pub')])
  expect([fine.code, JSON.parse(fine.stdout)]).toMatchObject([0, { ok: true, problems: [], revision: 'r1', sequence: 7, algorithm: 'EdDSA', key: 'release', issuer: 'ci' }])
  const codes = async (...args: readonly string[]): Promise<readonly unknown[]> => {
    const { code, stdout } = await run(args)
    return [code, (JSON.parse(stdout) as { problems: { code: string }[] }).problems.map((problem) => problem.code)]
  }
  expect(await codes(...check, '--key', at('other.pub'))).toEqual([1, ['bad_signature']])
  expect(await codes(...check, '--key', at('policy.pub'), '--key-id', 'other')).toEqual([1, ['unknown_key']])
  expect(await codes('verify', '--bundle', at('signed.tar.gz'), '--key', at('policy.pub'), '--json')).toEqual([1, ['foreign_scope']])
  expect(await codes('verify', '--bundle', at('plain.tar.gz'), '--key', at('policy.pub'), '--json')).toEqual([1, ['unsigned']])

  // The same key from elsewhere.
  for (const place of [['--key-env', 'SIGNING_KEY'], ['--key-command', `cat ${at('sign.pem')}`]]) {
    expect((await run(['sign', ...out, ...place], { SIGNING_KEY: secret, PATH: process.env['PATH'] ?? '' })).code).toBe(0)
    expect((await run(['verify', '--bundle', at('signed.tar.gz'), '--key', at('policy.pub')])).stdout).toMatch(/^fine: signed by a key without a name \(EdDSA\), sequence \d{13}\n$/)
  }
  const shared = { SHARED: randomBytes(32).toString('hex') }
  expect((await run(['sign', ...out, '--key-env', 'SHARED', '--algorithm', 'HS256'], shared)).code).toBe(0)
  expect((await run(['verify', '--bundle', at('signed.tar.gz'), '--key-env', 'SHARED', '--algorithm', 'HS256'], shared)).code).toBe(0)
})

test('a key or a bundle that is none is told, and nothing is written', async () => {
  const { at } = await setUp()
  const out = ['--bundle', at('plain.tar.gz'), '-o', at('signed.tar.gz')]
  for (const [args, code, says] of [
    [['sign', ...out], 2, /a key is needed/],
    [['sign', ...out, '--key', at('nowhere.pem')], 2, /no file .*nowhere\.pem/],
    [['sign', ...out, '--key', at('policy.pub')], 2, /a private key in PEM/],
    [['sign', ...out, '--key', at('sign.pem'), '--algorithm', 'RS256'], 2, /one for RS256/],
    [['sign', ...out, '--key', at('sign.pem'), '--algorithm', 'none'], 2, /Allowed choices/],
    [['sign', ...out, '--key', at('sign.pem'), '--key-env', 'X'], 2, /cannot be used with/],
    [['sign', ...out, '--key', at('sign.pem'), '--sequence', '-1'], 2, /whole number/],
    [['sign', ...out, '--key', at('weak.txt'), '--algorithm', 'HS256'], 2, /at least 32/],
    [['verify', '--bundle', at('plain.tar.gz'), '--key', at('sign.pem')], 2, /a public key/],
    [['verify', '--bundle', at('nowhere.tar.gz'), '--key', at('policy.pub')], 3, /cannot be read/],
    [['sign', '--bundle', at('policy.pub'), '-o', at('signed.tar.gz'), '--key', at('sign.pem')], 1, /not a bundle/],
  ] as const) {
    const ran = await run(args)
    expect([args.slice(-2), ran.code, ran.stdout + ran.stderr]).toEqual([args.slice(-2), code, expect.stringMatching(says)])
  }
  await expect(readFile(at('signed.tar.gz'))).rejects.toThrow(/ENOENT/)
})

test('status tells what a gateway judges by; rollback goes back, says so, and lets go', async () => {
  const gateway = await startGateway({ upstreams: { stub: { url: 'http://127.0.0.1:9/' } }, rego: { 'policies/open/open.rego': allowAll } })
  try {
    const env = { SALLYPORT_URL: gateway.url, SALLYPORT_TOKEN: await gateway.token({ subject: 'olga', groups: ['ops'], email: 'olga@example.com' }, 'api') }
    const first = gateway.gateway.pipeline.status().active?.digest ?? ''
    expect(await run(['status'], env)).toMatchObject({ code: 0, stdout: expect.stringContaining(`Active      ${first}`) })
    gateway.writePolicy('policies/open/open.rego', `${allowAll}\nallow if input.upstream.name == "other"\n`)
    const second = await until(() => {
      const digest = gateway.gateway.pipeline.status().active?.digest
      return digest !== first && digest
    })
    const listed = await run(['rollback', '--list'], env)
    expect(listed.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(['DIGEST', second, first, ''])
    expect(listed.stdout).toMatch(new RegExp(`^${second} .* active$`, 'm'))
    for (const args of [[], [first], [first, '--release', '--reason', 'x'], ['--release'], [first, '--reason', ' ']]) expect([args, (await run(['rollback', ...args], env)).code]).toEqual([args, 2])
    expect(await run(['rollback', second, '--reason', 'x'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining('is active') })

    expect(await run(['rollback', first, '--reason', 'other is not ours'], env)).toMatchObject({ code: 0, stdout: `${first} is active until the source gives a newer bundle than ${second}\n` })
    expect(await run(['status'], env)).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`Rolled back from ${second} by olga@example.com .*: other is not ours`)) })
    expect(await run(['rollback', '--release', '--reason', 'it is ours'], env)).toMatchObject({ code: 0, stdout: `${second} is active, and the source decides\n` })

    gateway.writePolicy('policies/open/open.rego', 'package policies.open\n\nallow if {\n')
    await until(() => gateway.gateway.pipeline.status().last_run?.error !== undefined)
    expect(await run(['status'], env)).toMatchObject({ code: 1, stdout: expect.stringMatching(/Not active {2}policies\/open\/open\.rego:\d+/) })
    expect(JSON.parse((await run(['status', '--json'], env)).stdout)).toMatchObject({ active: { digest: second }, rolled_back: null, source: { state: 'current' } })
  } finally {
    await gateway.close()
  }
})
