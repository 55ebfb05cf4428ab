import { compactVerify, decodeProtectedHeader } from 'jose'
import { z } from 'zod'
import type { Clock } from '../../model.ts'
import type { Problem } from '../problem.ts'
import { hashFile, isKnownHash } from './hash-file.ts'
import type { Key } from './keys.ts'

export const signaturesFile = '.signatures.json'

/** What a gateway is told to believe. */
export interface Trust {
  readonly keys: readonly Key[]
  /** Empty where no scope is wanted: then a bundle that is signed for one is foreign. */
  readonly scope: string
  readonly clock: Clock
}
/** What a signature that holds says beside the files. */
export interface Signed {
  readonly algorithm: string
  readonly key?: string
  readonly issuer?: string
  /** Milliseconds since the epoch. */
  readonly issued_at?: number
}
export type Verified =
  /** `token` is what whoever keeps the files must keep beside them, to look at the signature again under other keys. */
  | { readonly ok: true; readonly signed: Signed; readonly token: string }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const signatures = z.object({ signatures: z.array(z.string()).length(1), plugin: z.enum(['', '_default']).optional() })
const time = z.number().nonnegative().optional()
const claims = z.object({
  files: z.array(z.object({ name: z.string(), hash: z.string().regex(/^[0-9a-fA-F]+$/), algorithm: z.string() })),
  keyid: z.string().optional(),
  scope: z.string().optional(),
  iss: z.string().optional(),
  iat: time, nbf: time, exp: time,
})
type Claims = z.infer<typeof claims>

const refuse = (code: string, message: string, remedy?: string, file?: string): Problem => ({ stage: 'verify', code, message, ...(remedy === undefined ? {} : { remedy }), ...(file === undefined ? {} : { file }) })
const sign = 'sign it with `sallyport policy sign`'
const no = (...problems: readonly Problem[]): { readonly ok: false; readonly problems: readonly Problem[] } => ({ ok: false, problems })

const parse = <T>(schema: z.ZodType<T>, bytes: Uint8Array): T | undefined => {
  try {
    return schema.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))).data
  } catch {
    return undefined
  }
}

/** Which keys may have signed: those of the name that the token has, and those without one (OPA looks at `kid`, then at `keyid`). */
const candidates = (token: string, { keys }: Trust): { readonly alg: string; readonly named: string; readonly keys: readonly Key[] } | undefined => {
  try {
    const { alg, kid } = decodeProtectedHeader(token)
    // Not yet believed: it only chooses among the keys.
    const named = typeof kid === 'string' && kid !== '' ? kid : (parse(claims, Buffer.from(token.split('.')[1] ?? '', 'base64url'))?.keyid ?? '')
    return { alg: String(alg), named, keys: keys.filter(({ id }) => id === undefined || named === '' || id === named) }
  } catch {
    return undefined
  }
}

const believe = async (token: string, keys: readonly Key[]): Promise<{ readonly key: Key; readonly payload: Uint8Array } | undefined> => {
  for (const key of keys) {
    const held = await compactVerify(token, key.key, { algorithms: [key.algorithm] }).catch(() => undefined)
    if (held !== undefined) return { key, payload: held.payload }
  }
  return undefined
}

/** Every file is listed with its hash, and every file that is listed is there. */
const compare = (files: ReadonlyMap<string, Uint8Array>, listed: Claims['files']): readonly Problem[] => {
  const problems: Problem[] = []
  const wanted = new Map(listed.map((each) => [each.name, each]))
  if (wanted.size !== listed.length) problems.push(refuse('signature_syntax', 'the signature names a file twice'))
  for (const [name, bytes] of files) {
    if (name === signaturesFile) continue
    const entry = wanted.get(name)
    wanted.delete(name)
    if (entry === undefined) problems.push(refuse('file_not_signed', 'is in the bundle but not in its signature', undefined, name))
    else if (!isKnownHash(entry.algorithm)) problems.push(refuse('weak_hash', `is signed by a hash that is not taken: ${entry.algorithm || 'none'}`, `${sign}, which uses SHA-256`, name))
    else {
      try {
        if (hashFile(name, bytes, entry.algorithm) !== entry.hash.toLowerCase()) problems.push(refuse('file_altered', 'is not what was signed', undefined, name))
      } catch (fault) {
        problems.push(refuse('file_altered', `cannot be read, so it is not what was signed: ${(fault as Error).message}`, undefined, name))
      }
    }
  }
  for (const name of wanted.keys()) problems.push(refuse('file_missing', 'is in the signature but not in the bundle', undefined, name))
  return problems
}

const outOfTime = ({ nbf, exp }: Claims, now: number): Problem | undefined => {
  if (exp !== undefined && exp * 1000 <= now) return refuse('signature_expired', 'the signature has expired', sign)
  return nbf !== undefined && nbf * 1000 > now ? refuse('signature_early', 'the signature is not valid yet') : undefined
}

type Held = { readonly ok: true; readonly token: string; readonly said: Claims; readonly signed: Signed } | { readonly ok: false; readonly problems: readonly Problem[] }

/** Whether a token was made for this scope by one of the keys, whatever the time. */
export const verifyToken = async (token: string | undefined, trust: Trust): Promise<Held> => {
  const found = token === undefined ? undefined : candidates(token, trust)
  if (token === undefined || found === undefined) return no(refuse('signature_syntax', `${signaturesFile} cannot be read, or does not hold exactly one signature`, sign))
  if (found.keys.length === 0) return no(refuse('unknown_key', `the bundle is signed by a key that is not known: ${JSON.stringify(found.named.slice(0, 100))}`, 'add the key to policy.verify.keys if it is trusted'))
  const fitting = found.keys.filter(({ algorithm }) => algorithm === found.alg)
  if (fitting.length === 0) return no(refuse('wrong_algorithm', `the bundle is signed by ${JSON.stringify(found.alg.slice(0, 20))}, and the key is for ${[...new Set(found.keys.map(({ algorithm }) => algorithm))].join(', ')}`))
  const held = await believe(token, fitting)
  if (held === undefined) return no(refuse('bad_signature', 'the signature was not made by a key that is trusted', 'sign it by a key of policy.verify.keys'))
  const said = parse(claims, held.payload)
  if (said === undefined) return no(refuse('signature_syntax', 'what was signed is not a list of files', sign))
  if ((said.scope ?? '') !== trust.scope) return no(refuse('foreign_scope', `the bundle is signed for the scope ${JSON.stringify((said.scope ?? '').slice(0, 100))}, and ${trust.scope === '' ? 'none' : JSON.stringify(trust.scope)} is wanted`, trust.scope === '' ? 'name the scope: --scope here, policy.verify.scope in the configuration' : 'sign it for that scope, or say which is wanted: --scope here, policy.verify.scope in the configuration'))
  const { iss, iat } = said
  const id = held.key.id ?? (found.named === '' ? undefined : found.named)
  return { ok: true, token, said, signed: { algorithm: held.key.algorithm, ...(id === undefined ? {} : { key: id }), ...(iss === undefined ? {} : { issuer: iss }), ...(iat === undefined ? {} : { issued_at: iat * 1000 }) } }
}

/** Whether the files of a bundle are, all and as they are, what somebody signed whom the gateway believes. */
export const verifyFiles = async (files: ReadonlyMap<string, Uint8Array>, trust: Trust): Promise<Verified> => {
  const file = files.get(signaturesFile)
  if (file === undefined) return no(refuse('unsigned', 'the bundle is not signed', sign))
  const held = await verifyToken(parse(signatures, file)?.signatures[0], trust)
  if (!held.ok) return held
  const late = outOfTime(held.said, trust.clock())
  if (late !== undefined) return no(late)
  const problems = compare(files, held.said.files)
  return problems.length > 0 ? no(...problems) : { ok: true, signed: held.signed, token: held.token }
}
