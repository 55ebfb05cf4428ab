/** JSON Web Tokens. There is no clock: a token with times is only verified against a time that the policy gives. */
import { createHmac } from 'node:crypto'
import { decodeBase64Url } from './base64.ts'
import { asObject, asText, builtin, noAnswer, type Charge, type HostBuiltin, type Run } from './builtin.ts'
import { goJson } from './encode.ts'
import { readJwks, type TokenKey } from './jwk.ts'
import { isAlgorithm, isSigned, signature, verificationKeys, type Algorithm, type Strictness } from './jwt-keys.ts'
import { compareNumbers } from './number.ts'
import { asJson, isArray, objectOf, readJson, RegoNumber, RegoObject, type Value } from './value.ts'

interface Token {
  /** What is signed. */
  readonly input: string
  readonly header: RegoObject
  readonly payload: string
  readonly signature: Buffer
}

const maxNested = 8

const decode = (part: string): Buffer => decodeBase64Url(part) ?? noAnswer()

function jsonObject(text: string): RegoObject {
  return asObject(readJson(text))
}

function split(text: string): readonly [header: string, payload: string, signature: string] {
  const [header, payload, sign, more] = text.split('.')
  return header === undefined || payload === undefined || sign === undefined || more !== undefined ? noAnswer() : [header, payload, sign]
}

function readToken(text: string): Token {
  const [head, payload, sign] = split(text)
  const header = jsonObject(decode(head).toString())
  if (header.get('enc') !== undefined) noAnswer()
  return { input: `${head}.${payload}`, header, payload, signature: decode(sign) }
}

function decodeToken(text: string, depth = 0): Value {
  if (depth > maxNested) throw new Error('a token that is nested too deep')
  const [head, payload, sign] = split(text)
  const header = jsonObject(decode(head).toString())
  if (header.get('enc') !== undefined) noAnswer()
  const body = decode(payload).toString()
  const content = header.get('cty')
  if (content !== undefined && asText(content) === 'JWT') return decodeToken(withoutQuotes(body), depth + 1)
  return [header, jsonObject(body), decode(sign).toString('hex')]
}

function withoutQuotes(text: string): string {
  const isQuote = (char: string | undefined): boolean => char === '"' || char === "'"
  let [from, to] = [0, text.length]
  while (from < to && isQuote(text[from])) from += 1
  while (to > from && isQuote(text[to - 1])) to -= 1
  return text.slice(from, to)
}

interface Header {
  readonly alg: string
  readonly kid: string
  readonly cty: string
  /** It names its algorithm, and nothing critical that is not known here. */
  readonly isValid: boolean
}

/** Empty where it is not there; what is no text is an error. */
function textIn(object: RegoObject, name: string): string {
  const found = object.get(name)
  return found === undefined ? '' : asText(found)
}

const known = ['alg', 'kid', 'typ', 'cty']

function readHeader(header: RegoObject): Header {
  const text = (name: string): string => textIn(header, name)
  for (const name of known) text(name)
  const critical = header.get('crit')
  if (critical !== undefined && (!isArray(critical) || typeof critical[0] !== 'string')) noAnswer()
  const unknown = header.pairs.some(([name]) => !known.includes(asText(name)) && name !== 'crit' && isArray(critical) && critical.includes(name))
  return { alg: text('alg'), kid: text('kid'), cty: text('cty'), isValid: text('alg') !== '' && !unknown }
}

/** The key that the token names, or any; one that names an algorithm only for this. */
function isSignedByAny(token: Token, { kid, alg: named }: Header, keys: readonly TokenKey[], alg: Algorithm, how: Strictness, charge: Charge): boolean {
  const check = (key: TokenKey): boolean => isSigned(alg, key, token.input, token.signature, how, charge)
  const own = kid === '' ? undefined : keys.find((key) => key.kid === kid)
  return own === undefined ? keys.some((key) => (key.alg === '' || key.alg === named) && check(key)) : check(own)
}

function verifyBy(alg: Algorithm): HostBuiltin {
  return builtin(([text, certificate], charge) => {
    const [, , sign] = split(asText(text))
    const keys = verificationKeys(asText(certificate), charge) ?? noAnswer()
    decode(sign)
    const token = readToken(asText(text))
    return isSignedByAny(token, readHeader(token.header), keys, alg, 'loose', charge)
  })
}

const hmac = (alg: string, secret: string, input: string): Buffer => createHmac(`sha${alg.slice(2)}`, secret).update(input).digest()

function verifyBySecret(alg: Algorithm): HostBuiltin {
  return builtin(([text, secret]) => {
    const [header, payload, sign] = split(asText(text))
    return decode(sign).equals(hmac(alg, asText(secret), `${header}.${payload}`))
  })
}

interface Constraints {
  readonly keys: readonly TokenKey[] | undefined
  readonly secret: string
  readonly alg: string
  readonly iss: string
  readonly aud: string
  /** Nanoseconds. */
  readonly time: number | undefined
}

function readConstraints(options: RegoObject, charge: Charge): Constraints {
  if (options.pairs.some(([name]) => !['cert', 'secret', 'alg', 'iss', 'aud', 'time'].includes(asText(name)))) noAnswer()
  const text = (name: string): string => textIn(options, name)
  const cert = options.get('cert')
  const time = options.get('time')
  const nanos = time instanceof RegoNumber ? Number(time.text) : time === undefined ? undefined : noAnswer()
  const keys = cert === undefined ? undefined : (verificationKeys(asText(cert), charge) ?? noAnswer())
  const read = { keys, secret: text('secret'), alg: text('alg'), iss: text('iss'), aud: text('aud'), time: nanos }
  if ((nanos ?? 0) < 0 || (keys === undefined) === (read.secret === '')) noAnswer()
  return read
}

const unverified: Value = [false, objectOf({}), objectOf({})]

const decodeVerify: Run = ([operand, options], charge) => {
  const constraints = readConstraints(asObject(options), charge)
  let text = asText(operand)
  for (let depth = 0; depth <= maxNested; depth += 1) {
    const token = readToken(text)
    const header = readHeader(token.header)
    if (!header.isValid || (constraints.alg !== '' && constraints.alg !== header.alg) || !isTrusted(token, header, constraints, charge)) return unverified
    const payload = decode(token.payload).toString()
    if (header.cty.toUpperCase() !== 'JWT') return meets(jsonObject(payload), constraints) ? [true, token.header, jsonObject(payload)] : unverified
    text = payload
  }
  throw new Error('a token that is nested too deep')
}

function isTrusted(token: Token, header: Header, { keys, secret }: Constraints, charge: Charge): boolean {
  // The newer name (RFC 9864) of what was EdDSA.
  const alg = header.alg === 'Ed25519' ? 'EdDSA' : header.alg
  if (!isAlgorithm(alg)) return false
  if (keys === undefined) return alg.startsWith('HS') && token.signature.equals(hmac(alg, secret, token.input))
  return isSignedByAny(token, header, keys, alg, 'strict', charge)
}

/** Registered claims (RFC 7519, section 4.1). */
function meets(payload: RegoObject, { iss, aud, time }: Constraints): boolean {
  const audience = payload.get('aud')
  if (iss !== '' && (payload.get('iss') === undefined || asText(payload.get('iss')) !== iss)) return false
  if (audience === undefined ? aud !== '' : !(isArray(audience) ? audience.includes(aud) : audience === aud)) return false
  const isBefore = (claim: string): boolean | undefined => {
    const limit = payload.get(claim)
    if (limit === undefined) return undefined
    if (!(limit instanceof RegoNumber)) return noAnswer()
    if (time === undefined) throw new Error(`the token has ${claim}, so its constraints need a time: there is no clock`)
    return compareNumbers(String(time / 1_000_000_000), limit.text) < 0
  }
  return isBefore('exp') !== false && isBefore('nbf') !== true
}

function signed(header: string, payload: string, jwk: string, charge: Charge): Value {
  const [key] = readJwks(jwk, true) ?? []
  const fields = readJson(header)
  const alg = fields instanceof RegoObject ? fields.get('alg') : undefined
  const type = fields instanceof RegoObject ? fields.get('typ') : undefined
  if (key === undefined || typeof alg !== 'string' || !isAlgorithm(alg)) return noAnswer()
  if ((typeof type !== 'string' || type === 'JWT') && readJson(payload) === undefined) noAnswer()
  const input = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`
  return `${input}.${sign(alg, key, input, charge).toString('base64url')}`
}

function sign(alg: Algorithm, { key }: TokenKey, input: string, charge: Charge): Buffer {
  if (!alg.startsWith('HS')) return signature(alg, key, input, charge)
  return key.type === 'secret' ? createHmac(`sha${alg.slice(2)}`, key).update(input).digest() : noAnswer()
}

const asGoJson = (value: Value | undefined): string => goJson(asJson(value ?? null))

export const jwtBuiltins = {
  'io.jwt.decode': builtin(([text]) => decodeToken(asText(text))),
  'io.jwt.decode_verify': builtin(decodeVerify),
  'io.jwt.encode_sign': builtin(([header, payload, key], charge) => signed(asGoJson(header), asGoJson(payload), asGoJson(key), charge)),
  'io.jwt.encode_sign_raw': builtin(([header, payload, key], charge) => signed(asText(header), asText(payload), asText(key), charge)),
  'io.jwt.verify_rs256': verifyBy('RS256'),
  'io.jwt.verify_rs384': verifyBy('RS384'),
  'io.jwt.verify_rs512': verifyBy('RS512'),
  'io.jwt.verify_ps256': verifyBy('PS256'),
  'io.jwt.verify_ps384': verifyBy('PS384'),
  'io.jwt.verify_ps512': verifyBy('PS512'),
  'io.jwt.verify_es256': verifyBy('ES256'),
  'io.jwt.verify_es384': verifyBy('ES384'),
  'io.jwt.verify_es512': verifyBy('ES512'),
  'io.jwt.verify_eddsa': verifyBy('EdDSA'),
  'io.jwt.verify_hs256': verifyBySecret('HS256'),
  'io.jwt.verify_hs384': verifyBySecret('HS384'),
  'io.jwt.verify_hs512': verifyBySecret('HS512'),
} satisfies Record<string, HostBuiltin>
