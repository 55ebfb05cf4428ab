import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { CompactSign } from 'jose'
import { readSigningKey, readVerifyKey } from '../../../src/bundle/trust/keys.ts'
import type { Algorithm, Key } from '../../../src/bundle/trust/keys.ts'
import { hashFile } from '../../../src/bundle/trust/hash-file.ts'
import { openBundle } from '../../../src/bundle/trust/open-bundle.ts'
import { readTar } from '../../../src/bundle/trust/read-tar.ts'
import { signBundle } from '../../../src/bundle/trust/sign.ts'
import { writeTar } from '../../../src/bundle/trust/tar.ts'
import type { Trust } from '../../../src/bundle/trust/verify.ts'
import { findNativeOpa } from '../native-opa.ts'
import { directoryOf } from '../support.ts'

const now = Date.UTC(2026, 0, 1)
const clock = (): number => now

interface Pair {
  readonly algorithm: Algorithm
  readonly secret: string
  readonly open: string
}
const pem = (pair: { publicKey: { export(options: object): string | Buffer }; privateKey: { export(options: object): string | Buffer } }): Omit<Pair, 'algorithm'> => ({
  secret: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  open: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
})
const rsa = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const ec = (namedCurve: string): Omit<Pair, 'algorithm'> => pem(generateKeyPairSync('ec', { namedCurve }))
const shared = randomBytes(32).toString('hex')
const pairs: readonly Pair[] = [
  ...(['RS256', 'RS512', 'PS256', 'PS384'] as const).map((algorithm) => ({ algorithm, ...rsa })),
  { algorithm: 'ES256', ...ec('P-256') }, { algorithm: 'ES384', ...ec('P-384') }, { algorithm: 'ES512', ...ec('P-521') },
  { algorithm: 'EdDSA', ...pem(generateKeyPairSync('ed25519')) },
  { algorithm: 'HS256', secret: shared, open: shared },
]
const [es] = pairs.filter(({ algorithm }) => algorithm === 'ES256') as [Pair]
const must = (read: ReturnType<typeof readVerifyKey>): Key => {
  if (!read.ok) throw new Error(`${read.found}, not ${read.expected}`)
  return read.key
}
const signer = ({ algorithm, secret }: Pair, id?: string): Key => must(readSigningKey(secret, { algorithm, id }))
const trusting = ({ algorithm, open }: Pair, { id, scope = '' }: { id?: string; scope?: string } = {}): Trust => ({ keys: [must(readVerifyKey(open, { algorithm, id }))], scope, clock })

/** Documents whose hash depends on how Go prints: order of names, signs, numbers. */
const data = '{ "z": 1.50, "a": {"\\u2028<&>": "\\u2029\\u0000\\b\\f\\n\\u007f", "😀": 1e3, "\uffff": -0, "10": 12345678901234567890, "9": [null, true, {}, []]}, "é": "e\\u0301" }'
const contents: Readonly<Record<string, string>> = {
  '/.manifest': '{"revision": "r1", "roots": [""], "rego_version": 1, "metadata": {"x": 1.0}}',
  '/data.json': data,
  '/more/data.yaml': 'a: [1, 2.5, "x", yes please]\nb:\n  c: null\n  d: 0x10\n',
  '/policies/crm/crm.rego': 'package policies.crm\n\nallow if "support" in input.actor.groups\n',
  '/notes.txt': 'anything\r\n',
}
const packed = (files: Readonly<Record<string, string>>): Buffer => gzipSync(writeTar(new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]))))
const plain = packed(contents)
const signed = async (pair: Pair, more: { id?: string; scope?: string; issuer?: string; sequence?: number } = {}, bytes = plain): Promise<Buffer> => {
  const { id, ...rest } = more
  const made = await signBundle(bytes, { key: signer(pair, id), clock, ...rest })
  if (!made.ok) throw new Error(JSON.stringify(made.problems))
  return made.bytes
}
const codes = async (bytes: Uint8Array, trust: Trust): Promise<readonly string[] | 'opened'> => {
  const opened = await openBundle(bytes, trust)
  return opened.ok ? 'opened' : opened.problems.map(({ code, file }) => (file === undefined ? code : `${code} ${file}`))
}
const filesIn = (bytes: Uint8Array): Map<string, Buffer> => {
  const read = readTar(gunzipSync(bytes))
  if (!read.ok) throw new Error(read.why)
  return new Map(read.files)
}
const repacked = (bytes: Uint8Array, change: (files: Map<string, Buffer>) => void): Buffer => {
  const files = filesIn(bytes)
  change(files)
  return gzipSync(writeTar(files))
}
/** Signed by a key that is trusted, saying whatever is wanted. */
const sealed = async (claims: object, header: object = {}, token?: string): Promise<Buffer> => {
  const made = token ?? (await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: es.algorithm, ...header }).sign(signer(es).key, { crit: { odd: true } }))
  return repacked(plain, (files) => files.set('.signatures.json', Buffer.from(JSON.stringify({ signatures: [made] }))))
}
const listed = (): { name: string; hash: string; algorithm: string }[] =>
  [...filesIn(plain)].map(([name, bytes]) => ({ name, hash: hashFile(name, bytes), algorithm: 'SHA-256' }))

test.each(pairs)('what is signed by $algorithm is opened by its other half, and says who signed it', async (pair) => {
  const bytes = await signed(pair, { id: 'release', scope: 'production', issuer: 'ci', sequence: 7 })
  const opened = await openBundle(bytes, trusting(pair, { id: 'release', scope: 'production' }))
  expect(opened).toMatchObject({ ok: true, bundle: { signed: { algorithm: pair.algorithm, key: 'release', issuer: 'ci', issued_at: now }, manifest: { revision: 'r1', metadata: { sallyport: { sequence: 7 } } } } })
})

test('signing again replaces the signature; the same is signed the same', async () => {
  const [first] = pairs as [Pair]
  const once = await signed(first, { sequence: 1 })
  expect(await signed(first, { sequence: 1 }, await signed(es, { sequence: 9 }))).toEqual(once)
  expect([...filesIn(once).keys()]).toEqual(['.signatures.json', ...filesIn(plain).keys()])
})

describe('what is not signed as it is wanted is not opened', () => {
  const trust = trusting(es)
  test('unsigned', async () => expect(await codes(plain, trust)).toEqual(['unsigned']))
  test('signed by another key, under the same name or none', async () => {
    const other = { algorithm: 'ES256', ...ec('P-256') } as const
    expect(await codes(await signed(other), trust)).toEqual(['bad_signature'])
    expect(await codes(await signed(other, { id: 'release' }), trusting(es, { id: 'release' }))).toEqual(['bad_signature'])
    expect(await codes(await signed(es, { id: 'other' }), trusting(es, { id: 'release' }))).toEqual(['unknown_key'])
  })
  test('signed for another scope, for none where one is wanted, or for one where none is', async () => {
    const bytes = await signed(es, { scope: 'staging' })
    expect(await codes(bytes, trusting(es, { scope: 'production' }))).toEqual(['foreign_scope'])
    expect(await codes(bytes, trust)).toEqual(['foreign_scope'])
    expect(await codes(await signed(es), trusting(es, { scope: 'production' }))).toEqual(['foreign_scope'])
  })
  test('the algorithm none, and a public key taken for a shared secret', async () => {
    const claims = { files: listed() }
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`
    expect(await codes(await sealed({}, {}, none), trust)).toEqual(['wrong_algorithm'])
    const confused = await new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(es.open))
    expect(await codes(await sealed({}, {}, confused), trust)).toEqual(['wrong_algorithm'])
  })
  test('another algorithm of the same key', async () => {
    const [rs256] = pairs as [Pair]
    expect(await codes(await signed({ ...rs256, algorithm: 'RS512' }), trusting(rs256))).toEqual(['wrong_algorithm'])
  })
  test.each([...Object.keys(contents)].map((path) => path.slice(1)))('%s with one byte changed', async (name) => {
    const bytes = repacked(await signed(es), (files) => {
      const body = Buffer.from(files.get(name) ?? '')
      body.writeUInt8(body.readUInt8(body.length - 3) ^ 1, body.length - 3)
      files.set(name, body)
    })
    expect(await codes(bytes, trust)).toEqual([`file_altered ${name}`])
  })
  test('a byte of the signature changed', async () => {
    const bytes = repacked(await signed(es), (files) => {
      const text = files.get('.signatures.json')?.toString() ?? ''
      const at = text.length - 20
      files.set('.signatures.json', Buffer.from(`${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`))
    })
    expect(await codes(bytes, trust)).toEqual(['bad_signature'])
  })
  test('a file more, a file less, a file by another name', async () => {
    const bytes = await signed(es)
    expect(await codes(repacked(bytes, (files) => files.set('policies/more.rego', Buffer.from('package policies.more'))), trust)).toEqual(['file_not_signed policies/more.rego'])
    expect(await codes(repacked(bytes, (files) => files.delete('notes.txt')), trust)).toEqual(['file_missing notes.txt'])
    const moved = repacked(bytes, (files) => {
      files.set('policies/x.rego', files.get('policies/crm/crm.rego') ?? Buffer.alloc(0))
      files.delete('policies/crm/crm.rego')
    })
    expect(await codes(moved, trust)).toEqual(['file_not_signed policies/x.rego', 'file_missing policies/crm/crm.rego'])
  })
  test('a document that means something else to another reader', async () => {
    const changes: readonly (readonly [string, (text: string) => string])[] = [
      ['data.json', (text) => text.replace('1.50', '1.5')],
      ['data.json', (text) => text.replace('"é": "e\\u0301"', '"é": "é"')],
      ['data.json', (text) => text.replace('"z": 1.50', '"z": 2, "z": 1.50, "z": 3')],
      ['data.json', (text) => text.replace('"é": "e\\u0301"', '"é": "e\\u0301", "__proto__": {"z": 1}')],
      ['data.json', () => `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
      ['more/data.yaml', (text) => text.replace('null', 'yes')],
    ]
    for (const [name, change] of changes) {
      const bytes = repacked(await signed(es), (files) => files.set(name, Buffer.from(change(files.get(name)?.toString() ?? ''))))
      expect(await codes(bytes, trust)).toEqual([`file_altered ${name}`])
    }
    const surrogates = packed({ ...contents, '/data.json': '{"a": "\\ud800"}' })
    await expect(signBundle(surrogates, { key: signer(es), clock })).resolves.toMatchObject({ ok: false, problems: [{ code: 'unreadable_document', file: 'data.json' }] })
  })
  test('layout and order of a document change nothing', async () => {
    const bytes = repacked(await signed(es), (files) => files.set('data.json', Buffer.from(`\n${data.replace(/^\{ "z": 1.50, (.*) \}$/s, '{$1, "z" : 1.50}')}`)))
    expect(await codes(bytes, trust)).toBe('opened')
  })
  test('a token that says too little, too much or something else', async () => {
    const files = listed()
    expect(await codes(await sealed({ files }), trust)).toBe('opened')
    expect(await codes(await sealed({}), trust)).toEqual(['signature_syntax'])
    expect(await codes(await sealed({ files: 'all' }), trust)).toEqual(['signature_syntax'])
    expect(await codes(await sealed([]), trust)).toEqual(['signature_syntax'])
    expect(await codes(await sealed({ files: [...files, files[0]] }), trust)).toEqual(['signature_syntax'])
    expect(await codes(await sealed({ files: files.map((file) => ({ ...file, algorithm: 'MD5' })) }), trust)).toEqual(files.map(({ name }) => `weak_hash ${name}`))
    expect(await codes(await sealed({ files: files.map((file) => ({ ...file, name: `/${file.name}` })) }), trust)).toContain('file_not_signed data.json')
    expect(await codes(await sealed({ files, exp: now / 1000 }), trust)).toEqual(['signature_expired'])
    expect(await codes(await sealed({ files, nbf: now / 1000 + 1 }), trust)).toEqual(['signature_early'])
    expect(await codes(await sealed({ files }, { crit: ['odd'], odd: 1 }), trust)).toEqual(['bad_signature'])
  })
  test('a file of signatures that holds none, several, or something else', async () => {
    const { signatures: [token] } = JSON.parse(filesIn(await signed(es)).get('.signatures.json')?.toString() ?? '') as { signatures: string[] }
    for (const content of ['', '[]', '{}', '{"signatures":[]}', JSON.stringify({ signatures: [token, token] }), JSON.stringify({ signatures: token }), JSON.stringify({ signatures: [token], plugin: 'mine' }), '{"signatures":["x"]}', '{"signatures":["a.b.c"]}']) {
      const bytes = repacked(plain, (files) => files.set('.signatures.json', Buffer.from(content)))
      expect(await codes(bytes, trust)).toEqual(['signature_syntax'])
    }
  })
})

test.each([
  ['a private key where a public one belongs', () => readVerifyKey(es.secret, {})],
  ['a public key as a shared secret', () => readVerifyKey(es.open, { algorithm: 'HS256' })],
  ['a secret that is too short', () => readVerifyKey('secret', { algorithm: 'HS256' })],
  ['an RSA key that is too short', () => readVerifyKey(pem(generateKeyPairSync('rsa', { modulusLength: 1024 })).open, {})],
  ['a key on another curve', () => readVerifyKey(ec('secp256k1').open, {})],
  ['a key for another algorithm', () => readVerifyKey(es.open, { algorithm: 'RS256' })],
  ['a text', () => readVerifyKey('key', {})],
  ['a public key where a private one belongs', () => readSigningKey(es.open, {})],
])('%s is refused', (_what, read) => expect(read()).toMatchObject({ ok: false }))

const native = findNativeOpa()
const compared = native === undefined ? describe.skip : describe
compared('a native opa and this gateway believe each other', () => {
  const run = (directory: string, ...args: readonly string[]) => spawnSync(native ?? '', args, { cwd: directory, encoding: 'utf8' })
  const verify = async (bytes: Uint8Array, { algorithm, open }: Pair, ...more: readonly string[]) => {
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-test-'))
    await writeFile(join(directory, 'bundle.tar.gz'), bytes)
    await writeFile(join(directory, 'key'), open)
    const { status, stderr, stdout } = run(directory, 'build', '--bundle', 'bundle.tar.gz', '--verification-key', 'key', '--verification-key-id', 'release', '--signing-alg', algorithm, ...more, '-o', 'out.tar.gz')
    return status === 0 ? 'verified' : stderr + stdout
  }

  test.each(pairs)('$algorithm: opa opens what was signed here, and nothing altered', async (pair) => {
    const bytes = await signed(pair, { id: 'release', scope: 'production' })
    expect(await verify(bytes, pair, '--scope', 'production')).toBe('verified')
    expect(await verify(bytes, pair, '--scope', 'staging')).toContain('scope mismatch')
    expect(await verify(repacked(bytes, (files) => files.set('notes.txt', Buffer.from('else'))), pair, '--scope', 'production')).toContain('notes.txt')
  })

  test.each(pairs)('$algorithm: what opa signed is opened here, and nothing altered', async (pair) => {
    const directory = await directoryOf({ ...Object.fromEntries(Object.entries(contents).filter(([path]) => path !== '/.manifest').map(([path, text]) => [`in${path}`, text])), key: pair.secret, 'claims.json': JSON.stringify({ scope: 'production', iat: 7, keyid: 'release' }) })
    // A directory is signed file by file, a build writes one document of all data.
    expect(run(join(directory, 'in'), 'sign', '--signing-key', '../key', '--signing-alg', pair.algorithm, '--claims-file', '../claims.json', '-o', '..', '--bundle', '.')).toMatchObject({ status: 0 })
    const names = Object.keys(contents).filter((path) => path !== '/.manifest')
    const files = new Map(await Promise.all(names.map(async (path): Promise<[string, Buffer]> => [path.slice(1), await readFile(join(directory, 'in', path))])))
    files.set('.signatures.json', await readFile(join(directory, '.signatures.json')))
    const trust = trusting(pair, { id: 'release', scope: 'production' })
    expect(await openBundle(gzipSync(writeTar(files)), trust)).toMatchObject({ ok: true, bundle: { signed: { issued_at: 7000 } } })

    expect(run(directory, 'build', '--bundle', 'in', '--signing-key', 'key', '--signing-alg', pair.algorithm, '--claims-file', 'claims.json', '--revision', '8', '-o', 'built.tar.gz')).toMatchObject({ status: 0 })
    const built = await readFile(join(directory, 'built.tar.gz'))
    expect(await codes(built, trust)).toBe('opened')
    expect(await codes(repacked(built, (all) => all.delete([...all.keys()].find((name) => name.endsWith('.rego')) ?? '')), trust)).toEqual([expect.stringMatching(/^file_missing .*crm\.rego$/)])
  })
})
