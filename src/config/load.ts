import { createPrivateKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { secret, type SecretSource } from '../fields.ts'
import { isLoopback } from '../loopback.ts'
import { readDocument, valueAt, type ConfigDocument } from './document.ts'
import { readEnvironment, type Environment } from './env.ts'
import { explain } from './explain.ts'
import { suggest } from '../nearest.ts'
import { findFileProblems } from './files.ts'
import { isLaterKey, whyGone } from './later.ts'
import { showPath, type Problem, type Steps } from './problem.ts'
import { sections, type PartialSettings, type Settings } from './schema.ts'
import { fitsHeader } from './secret-read.ts'
import { createSecretReader, createSecrets, readStoreKey, type Secrets } from './secrets.ts'
import { logLevels } from './settings.ts'
import { findSigningProblems } from './signing.ts'
import { findTlsProblems } from './tls.ts'
import { unreadable } from './unreadable.ts'
import { findWarnings, findWeaknesses, type Weakness } from './weak.ts'

export type Loaded =
  | { readonly ok: true; readonly settings: Settings; readonly secrets: Secrets; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const freeze = <T>(value: T): T => {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) freeze(inner)
  return Object.freeze(value)
}

const isGroup = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const readText = async (file: string): Promise<{ ok: true; text: string; writable: boolean } | { ok: false; problem: Problem }> => {
  try {
    const about = await stat(file)
    if (about.size > 1024 * 1024) return { ok: false, problem: { path: '', found: `a file of ${about.size} bytes`, expected: 'a configuration of at most 1 MiB' } }
    return { ok: true, text: await readFile(file, 'utf8'), writable: (about.mode & 0o002) !== 0 }
  } catch (error) {
    return { ok: false, problem: { path: '', found: unreadable(resolve(file), (error as NodeJS.ErrnoException).code).found, expected: 'a configuration; see docs/configuration.md' } }
  }
}

/** The value without what is wrong in it, so that the rest of a section can still be looked at; undefined where that is not enough. */
const repair = (schema: z.ZodType, value: unknown): unknown => {
  const copy: unknown = structuredClone(value)
  for (let round = 0; round < 4; round += 1) {
    const result = schema.safeParse(copy)
    if (result.success) return result.data
    for (const issue of result.error.issues) {
      const steps = issue.path as (string | number)[]
      const named = steps.findLastIndex(step => typeof step === 'string')
      const parent = valueAt(copy, steps.slice(0, Math.max(named, 0)))
      const wrong = issue.code === 'unrecognized_keys' ? issue.keys : [steps[named]]
      const holder = issue.code === 'unrecognized_keys' ? valueAt(copy, steps) : parent
      if (isGroup(holder)) for (const key of wrong) if (key !== undefined) delete holder[key]
    }
  }
  return undefined
}

/** Reads each section, and each server and issuer, for itself, so that one mistake does not hide the next. */
const readSections = (document: ConfigDocument): { readonly settings: PartialSettings; readonly problems: readonly Problem[] } => {
  const content = document.content ?? {}
  if (!isGroup(content)) return { settings: {}, problems: [{ path: '', ...document.locate([]), found: 'something else', expected: `the sections ${Object.keys(sections).join(', ')}` }] }
  const settings: Record<string, unknown> = {}
  const problems: Problem[] = []
  for (const key of Object.keys(content).filter(key => !Object.hasOwn(sections, key))) {
    const near = suggest(key, Object.keys(sections))
    const expected = whyGone(key) ?? (isLaterKey([key]) ? 'none: it is not available in this version' : near === undefined ? `one of ${Object.keys(sections).join(', ')}` : `a known name; did you mean ${near}?`)
    problems.push({ path: key, ...document.locate([key], 'key'), found: 'an unknown name', expected })
  }
  const read = (schema: z.ZodType, steps: Steps, value: unknown): unknown => {
    const result = schema.safeParse(value)
    if (result.success) return result.data
    problems.push(...explain(schema, steps, result.error.issues, document))
    return repair(schema, value)
  }
  for (const [name, schema] of Object.entries(sections)) {
    const value = content[name]
    if (name !== 'upstreams' || !isGroup(value)) settings[name] = read(schema, [name], value === null ? undefined : value)
    else {
      // `__proto__` may be a name in the file; it must stay a plain one until it is refused.
      const kept = Object.entries(value).map(([key, one]) => [key, read(schema, [name], Object.fromEntries([[key, one]]))] as const)
      settings[name] = Object.assign({}, ...kept.map(([, one]) => one))
    }
  }
  return { settings: settings as PartialSettings, problems }
}

const absoluteTls = (upstream: NonNullable<PartialSettings['upstreams']>[string], directory: string): typeof upstream => {
  if (!('urls' in upstream) || upstream.tls === undefined) return upstream
  const { ca, certificate } = upstream.tls
  const tls = {
    ...upstream.tls,
    ...(ca === undefined ? {} : { ca: { file: resolve(directory, ca.file) } }),
    ...(certificate === undefined ? {} : { certificate: { file: resolve(directory, certificate.file) } }),
  }
  return { ...upstream, tls }
}

/** Every file that a section names begins at the configuration; where a secret comes from is read elsewhere. */
const absoluteFiles = <T>(value: T, directory: string): T => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(inner => absoluteFiles(inner, directory)) as T
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => {
    if (key.endsWith('_from')) return [key, inner]
    return [key, key === 'file' && typeof inner === 'string' ? resolve(directory, inner) : absoluteFiles(inner, directory)]
  })) as T
}

const absolutePolicy = (policy: NonNullable<PartialSettings['policy']>, directory: string): typeof policy => {
  const { source, rules, cases, shadow } = policy
  const absoluteSource = (given: typeof source): typeof source => (given.kind === 'directory' ? { ...given, path: resolve(directory, given.path) } : absoluteFiles(given, directory))
  return {
    ...absoluteFiles(policy, directory),
    ...(rules === undefined ? {} : { rules: resolve(directory, rules) }), ...(cases === undefined ? {} : { cases: resolve(directory, cases) }),
    source: absoluteSource(source), ...(shadow === undefined ? {} : { shadow: { source: absoluteSource(shadow.source) } }),
  }
}

const absolute = (settings: PartialSettings, directory: string): PartialSettings => {
  const { store, policy, identity, upstreams } = settings
  return {
    ...settings,
    ...(upstreams === undefined ? {} : { upstreams: Object.fromEntries(Object.entries(upstreams).map(([name, one]) => [name, absoluteTls(one, directory)])) }),
    ...(store === undefined ? {} : { store: { ...store, path: resolve(directory, store.path) } }),
    ...(policy === undefined ? {} : { policy: absolutePolicy(policy, directory) }),
    ...(identity === undefined ? {} : {
      identity: {
        ...identity,
        issuers: identity.issuers.map(issuer => (issuer.jwks !== undefined && 'file' in issuer.jwks ? { ...issuer, jwks: { file: resolve(directory, issuer.jwks.file) } } : issuer)),
        providers: absoluteFiles(identity.providers, directory),
        clients: absoluteFiles(identity.clients, directory),
      },
    }),
  }
}

interface SecretPlace {
  readonly steps: Steps
  /** The path by which it is asked for. */
  readonly path: string
  readonly source: SecretSource
}
const source = secret()
const secretPlaces = (value: unknown, steps: Steps): readonly SecretPlace[] => {
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap((inner, index) => secretPlaces(inner, [...steps, index]))
  return Object.entries(value).flatMap(([key, inner]): readonly SecretPlace[] => {
    const read = key.endsWith('_from') ? source.safeParse(inner) : undefined
    if (read === undefined) return secretPlaces(inner, [...steps, key])
    return read.success ? [{ steps: [...steps, key], path: [...steps, key.slice(0, -'_from'.length)].join('.'), source: read.data }] : []
  })
}

const shortestWebhookSecret = 16

const isPrivateKey = (pem: string): boolean => {
  try {
    return createPrivateKey(pem).type === 'private'
  } catch {
    return false
  }
}

const readSecrets = async (content: unknown, directory: string, env: Environment) => {
  const values = new Map<string, string>()
  const problems: Weakness[] = []
  const warnings: string[] = []
  let storeKey: Uint8Array | undefined
  const reader = createSecretReader(directory, env)
  await Promise.all(secretPlaces({ store: valueAt(content, ['store']), policy: valueAt(content, ['policy']), identity: valueAt(content, ['identity']), upstreams: valueAt(content, ['upstreams']) }, []).map(async ({ steps, path, source }) => {
    const read = await reader.read(source)
    if (!read.ok) return void problems.push({ steps, found: read.found, expected: read.expected })
    values.set(path, read.value)
    if (path === 'store.key') {
      const key = readStoreKey(read.value)
      if (key.ok) storeKey = key.key
      else problems.push({ steps, found: key.found, expected: '32 random bytes as base64 or hex, such as `openssl rand -base64 32` prints' })
      if (read.exposed) problems.push({ steps, found: 'a file that others may read or write', expected: 'a file that others cannot read, such as after chmod o-rwx' })
      return undefined
    }
    if (read.exposed) warnings.push(`${path}: the file of this secret can be read or written by others`)
    if (path.includes('.credentials.') && !/\.(?:private_)?key$/.test(path) && !fitsHeader(read.value)) problems.push({ steps, found: 'a secret with signs that no header can carry', expected: 'visible ASCII characters' })
    if (/^(?:upstreams\.[^.]+\.credentials|identity\.providers\.\d+)\.private_key$/.test(path) && !isPrivateKey(read.value)) problems.push({ steps, found: 'something that is no private key, or one with a passphrase', expected: 'a private key as PEM without a passphrase' })
    if (path === 'policy.source.webhook.secret' && read.value.length < shortestWebhookSecret) problems.push({ steps, found: `a secret of ${read.value.length} signs`, expected: `at least ${shortestWebhookSecret}, such as \`openssl rand -hex 32\` prints: it is all that a delivery has to show` })
    if (read.value.includes('\0')) problems.push({ steps, found: 'a secret with NUL', expected: 'a text' })
    return undefined
  }))
  await reader.close()
  return { values, problems, warnings, storeKey }
}

/** The libraries for XML are loaded only for those who use them. */
const samlProblems = async (providers: Settings['identity']['providers'], secrets: ReadonlyMap<string, string>): Promise<readonly Weakness[]> => {
  if (!providers.some(({ kind }) => kind === 'saml')) return []
  const { findSamlProblems } = await import('../login/saml/check.ts')
  return findSamlProblems(providers, path => secrets.get(path))
}

const withDefaults = (settings: PartialSettings): PartialSettings => {
  const { listen, public_url } = settings
  if (listen === undefined) return settings
  const literal = listen.host.includes(':') ? `[${listen.host.replace(/^\[|\]$/g, '')}]` : listen.host
  const local = isLoopback(listen.host) && listen.port !== 0 ? [...new Set([literal, 'localhost', '127.0.0.1', '[::1]'])].map(host => `${host}:${listen.port}`) : []
  const publicUrl = public_url ?? (local.length === 0 ? undefined : `http://${local[0]}`)
  const specific = !isLoopback(listen.host) && !/^(?:0\.0\.0\.0|\[[0:.]*\])$/.test(literal) ? [`${literal}:${listen.port}`] : []
  return {
    ...settings,
    ...(publicUrl === undefined ? {} : { public_url: publicUrl }),
    allowed_hosts: settings.allowed_hosts ?? [...new Set([...(publicUrl === undefined ? [] : [new URL(publicUrl).host]), ...local, ...specific])],
    allowed_origins: settings.allowed_origins ?? [...new Set([...(publicUrl === undefined ? [] : [publicUrl]), ...local.map(host => `http://${host}`)])],
  }
}

/** Reads a configuration. Everything that is wrong with it is reported at once; nothing is started and nothing written. */
export const loadSettings = async (file: string, env: Environment): Promise<Loaded> => {
  const path = resolve(file)
  const directory = dirname(path)
  const given = await readText(path)
  if (!given.ok) return { ok: false, problems: [given.problem] }
  const document = readDocument(given.text)
  if (document.problems.length > 0) return { ok: false, problems: document.problems }
  const read = readSections(document)
  const problems: Problem[] = [...read.problems]
  const { logLevel } = readEnvironment(env)
  const level = logLevels.find(known => known === logLevel)
  if (logLevel !== undefined && level === undefined) problems.push({ path: 'SALLYPORT_LOG_LEVEL', found: 'another text', expected: `one of ${logLevels.join(', ')}` })

  const settings = absolute(level === undefined ? read.settings : { ...read.settings, logging: { level } }, directory)
  const secrets = await readSecrets(document.content, directory, env)
  const weaknesses = [...findWeaknesses(settings), ...(await findFileProblems(document.content, directory)), ...secrets.problems, ...findSigningProblems(settings, secrets.values), ...(await findTlsProblems(settings, secrets.values)), ...(await samlProblems(settings.identity?.providers ?? [], secrets.values))]
  const told = new Set(problems.map(problem => problem.path))
  for (const { steps, found, expected } of weaknesses) {
    // A section that holds a mistake of its own is not also called empty.
    if (![...told].some(other => other === showPath(steps) || other.startsWith(`${showPath(steps)}.`) || other.startsWith(`${showPath(steps)}[`))) problems.push({ path: showPath(steps), ...document.locate(steps), found, expected })
  }
  if (problems.length > 0 || secrets.storeKey === undefined) {
    return { ok: false, problems: problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)) }
  }
  const complete = withDefaults(settings)
  return {
    ok: true,
    settings: freeze({ ...complete, directory } as Settings), // no problem was found, so every section is there
    secrets: createSecrets(secrets.values, secrets.storeKey),
    warnings: [...findWarnings(complete), ...secrets.warnings, ...(given.writable ? [`${file} can be written by others`] : [])],
  }
}
