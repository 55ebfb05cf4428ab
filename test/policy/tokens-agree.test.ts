/** Tokens and keys against OPA's own evaluator: who may forge one must not depend on who looks at it. */
import { constants, createPublicKey, generateKeyPairSync, sign, type JsonWebKey, type KeyObject } from 'node:crypto'
import { openCompiler } from './support.ts'
import { expectSame, run } from './agree.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const short = generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const secp = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey
const ed25519 = generateKeyPairSync('ed25519').privateKey
const [ed448, x25519] = [generateKeyPairSync('ed448').privateKey, generateKeyPairSync('x25519').privateKey]

const jwk = (key: KeyObject): JsonWebKey => createPublicKey(key).export({ format: 'jwk' })
const pem = (key: KeyObject): string => String(createPublicKey(key).export({ format: 'pem', type: 'spki' }))
const secret = (key: KeyObject): string => String(key.export({ format: 'pem', type: 'pkcs8' }))
const input = (header: object): string => [header, { a: 1 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
const token = (header: { readonly alg: string; readonly kid?: string }, by: (data: Buffer) => Buffer): string => `${input(header)}.${by(Buffer.from(input(header))).toString('base64url')}`

const rs256 = token({ alg: 'RS256', kid: 'k1' }, (data) => sign('sha256', data, rsa))
const halves = (data: Buffer): Buffer => sign('sha256', data, { key: p256, dsaEncoding: 'ieee-p1363' })
const longer = (signature: Buffer): Buffer => Buffer.concat([Buffer.alloc(1), signature.subarray(0, 32), Buffer.alloc(1), signature.subarray(32)])
const es256 = token({ alg: 'ES256' }, halves)
const eddsa = token({ alg: 'EdDSA' }, (data) => sign(null, data, ed25519))
const salted = (saltLength: number): string => token({ alg: 'PS256' }, (data) => sign('sha256', data, { key: rsa, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }))

const both = (name: string, text: string, key: string | object): string[] => {
  const written = JSON.stringify(typeof key === 'string' ? key : JSON.stringify(key))
  return [`io.jwt.${name}(${JSON.stringify(text)}, ${written})`, `io.jwt.decode_verify(${JSON.stringify(text)}, {"cert": ${written}, "time": 1})`]
}
const ofRsa = (...keys: object[]): string[] => keys.flatMap((more) => both('verify_rs256', rs256, { ...jwk(rsa), ...more }))
const modulus = String(jwk(rsa).n)

const areas: Readonly<Record<string, readonly string[]>> = {
  'members of a key': [
    ...ofRsa({}, { alg: 'RS384' }, { alg: 'foo' }, { alg: '' }, { alg: 5 }, { alg: null }, { alg: 'RSA-OAEP' }, { kid: 'k1' }, { kid: 5 }, { kid: null }, { use: 'enc' }, { use: 5 }),
    ...ofRsa({ key_ops: ['sign'] }, { key_ops: 'verify' }, { key_ops: [1] }, { x5c: [] }, { x5c: ['x'] }, { x5c: null }, { x5t: 5 }, { x5u: 5 }, { 'x5t#S256': 5 }, { foo: 5 }, { kty: 'rsa' }),
    ...ofRsa({ n: `${modulus}==` }, { n: `${modulus}=` }, { n: ` ${modulus}` }, { n: `${modulus}\n` }, { n: `${modulus}é` }, { n: '' }, { n: 'AA' }, { n: modulus.replaceAll('-', '+').replaceAll('_', '/') }),
    ...ofRsa({ e: 'AQAB=' }, { e: 'AAEAAQ' }, { e: 'AA' }, { e: '' }, { e: 'Ag' }, { e: 'Aw' }),
    ...[['c2VjcmV0'], ['c2VjcmV0=='], ['+/'], ['A'], ['']].flatMap(([k]) => both('verify_rs256', rs256, { kty: 'oct', k })),
  ],
  'keys of a set': [
    ...[[], [jwk(rsa)], [jwk(rsa), jwk(ed448)], [jwk(rsa), jwk(x25519)], [jwk(rsa), jwk(secp)], [jwk(rsa), { ...jwk(rsa), alg: 'foo' }], [{ ...jwk(rsa), alg: 'RSA-OAEP' }], [{ kty: 'oct', k: 'AA' }, jwk(rsa)], [null]]
      .flatMap((keys) => both('verify_rs256', rs256, { keys })),
    ...both('verify_rs256', rs256, { keys: [{ ...jwk(p256), kid: 'k1' }, jwk(rsa)] }),
    ...both('verify_hs256', token({ alg: 'HS256' }, () => Buffer.from('x')), { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }),
  ],
  'private keys': [
    ...both('verify_rs256', rs256, rsa.export({ format: 'jwk' })),
    ...both('verify_rs256', rs256, { ...rsa.export({ format: 'jwk' }), d: '' }),
    ...both('verify_rs256', rs256, { ...rsa.export({ format: 'jwk' }), dp: undefined }),
    ...both('verify_es256', es256, p256.export({ format: 'jwk' })),
    ...both('verify_es256', es256, { ...p256.export({ format: 'jwk' }), d: 'AQ' }),
    ...both('verify_eddsa', eddsa, ed25519.export({ format: 'jwk' })),
    ...both('verify_eddsa', eddsa, { ...ed25519.export({ format: 'jwk' }), d: jwk(ed25519).x }),
    ...[{}, { dp: 'AQ' }, { q: 'AQ' }, { d: 'AQ' }, { dp: undefined, qi: undefined }].map((more) => `io.jwt.encode_sign({"alg": "RS256"}, {}, ${JSON.stringify({ ...rsa.export({ format: 'jwk' }), ...more })})`),
    `io.jwt.encode_sign({"alg": "RS256"}, {}, ${JSON.stringify(short.export({ format: 'jwk' }))})`,
    ...[secp, x25519, ed448, p256].flatMap((key) => [`crypto.parse_private_keys(${JSON.stringify(secret(key))}) == []`, `[type_name(k) | some k in crypto.parse_private_keys(${JSON.stringify(secret(key))})]`]),
  ],
  'signatures': [
    ...both('verify_rs256', token({ alg: 'RS256' }, (data) => sign('sha256', data, short)), pem(short)),
    ...both('verify_rs256', token({ alg: 'RS256' }, (data) => Buffer.concat([Buffer.alloc(1), sign('sha256', data, rsa)])), pem(rsa)),
    ...[0, 20, 32].flatMap((salt) => both('verify_ps256', salted(salt), pem(rsa))),
    ...both('verify_es256', es256, jwk(p256)),
    ...both('verify_es256', token({ alg: 'ES256' }, (data) => longer(halves(data))), pem(p256)),
    ...both('verify_es256', token({ alg: 'ES256' }, () => Buffer.alloc(0)), pem(p256)),
    ...both('verify_es256', token({ alg: 'ES256' }, () => Buffer.alloc(64)), pem(p256)),
    ...both('verify_eddsa', token({ alg: 'Ed25519' }, (data) => sign(null, data, ed25519)), pem(ed25519)),
    ...both('verify_eddsa', eddsa, { ...jwk(ed25519), alg: 'Ed25519' }),
  ],
  'PEM': [
    ...[secp, ed448, x25519, p256].flatMap((key) => both('verify_es256', es256, pem(key))),
    ...[
      pem(rsa).replace('\n', '\nProc-Type: 4,x-y\nX: y\n\n'), pem(rsa).trimEnd(), `x\n${pem(rsa)}`, ` ${pem(rsa)}`, `${pem(rsa)}\n`, pem(rsa).replaceAll('\n', '\r\n'), pem(rsa).replace('\n', '\n\n'),
      pem(rsa).replaceAll('PUBLIC', 'RSA PUBLIC'), `-----BEGIN X-----\n${pem(rsa)}`, `-----BEGIN X-----\n-----END X-----\n${pem(rsa)}`, pem(rsa).replace('-----END', ' -----END'),
    ].flatMap((key) => both('verify_rs256', rs256, key)),
  ],
}

test.each(Object.entries(areas))('%s', async (_area, calls) => {
  await expectSame(compiler.opa, calls)
})

test('a key that some would read so and some otherwise is a fault', async () => {
  const written = JSON.stringify(jwk(rsa))
  const keys = [`${written}x`, written.replace('{', '{"kty":"EC",'), written.replace('"kty"', '"KTY"'), `{"keys":[${written}],"keys":[]}`]
  const outcomes = await run(compiler.opa, keys.map((key) => `io.jwt.verify_rs256(${JSON.stringify(rs256)}, ${JSON.stringify(key)})`), 4_000_000)
  expect(outcomes).toEqual(keys.map(() => expect.objectContaining({ ok: false, fault: 'builtin' })))
})
