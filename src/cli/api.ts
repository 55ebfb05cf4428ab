import { parseExactJson } from '../exact-json.ts'
import { exitCode, type ExitCode } from './output.ts'
import { isBearerToken } from './session/places.ts'
import type { SignIns, Token } from './session/sign-ins.ts'
import { whyUnreached } from './unreached.ts'

/** What the gateway answered; where it did not do what was asked, a sentence for the terminal and the exit code that fits. */
export type ApiAnswer<T> =
  | { readonly ok: true; readonly status: number; readonly body: T }
  | { readonly ok: false; readonly exit: ExitCode; readonly message: string; readonly status?: number; readonly problem?: Problem }

/** RFC 9457 problem details. */
export interface Problem {
  readonly type?: string
  readonly title?: string
  readonly status?: number
  readonly detail?: string
  readonly code?: string
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface ApiClient {
  /** `path` is below `/api/v1/`, without a leading slash; its parts must already be encoded. */
  get<T = unknown>(path: string, query?: Query): Promise<ApiAnswer<T>>
  post<T = unknown>(path: string, body: unknown): Promise<ApiAnswer<T>>
  /** What is no JSON, such as a bundle. */
  download(path: string): Promise<ApiAnswer<Uint8Array>>
}

type Environment = Readonly<Record<string, string | undefined>>

const timeoutMs = 30_000
const largestAnswer = 64 * 1024 * 1024

const failed = (message: string): ApiAnswer<never> => ({ ok: false, exit: exitCode.failed, message })

const apiRoot = (text: string): URL | undefined => {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return undefined
  url.search = ''
  url.hash = ''
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '')}/api/v1/`
  return url
}

const sayStatus = (status: number, problem: Problem | undefined): string => {
  const told = problem?.detail ?? problem?.title
  const because = told === undefined ? '' : `: ${told}`
  if (status === 401) return `the gateway did not accept the token${because}; run \`sallyport login\`, or set SALLYPORT_TOKEN to a valid one for <public_url>/api/v1`
  if (status === 403) return `this token may not do that${because}`
  if (status === 404) return `not found${because}`
  if (status === 503) return `the gateway cannot do that at the moment${because}; try again`
  return told ?? `the gateway answered with status ${status}`
}

const asProblem = (value: unknown): Problem | undefined => (typeof value === 'object' && value !== null ? (value as Problem) : undefined)

const readBytes = async (response: Response): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > largestAnswer) throw new Error(`the answer is larger than ${largestAnswer} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

const parse = (text: string): unknown => {
  try {
    return text === '' ? null : parseExactJson(text)
  } catch {
    return undefined
  }
}

interface Caller {
  readonly root: URL
  /** The one that was refused, where there was one. */
  readonly token: (refused?: string) => Promise<Token>
}

/** Which gateway, and as whom: what the environment says, else what `sallyport login` has kept. */
async function findCaller(env: Environment, signIns: () => Promise<SignIns>): Promise<{ readonly ok: true; readonly caller: Caller } | Extract<Token, { ok: false }>> {
  const [address, given] = [env.SALLYPORT_URL ?? '', env.SALLYPORT_TOKEN ?? '']
  const root = address === '' ? undefined : apiRoot(address)
  const wrong = (message: string) => ({ ok: false, exit: exitCode.misuse, message }) as const
  if (address !== '' && root === undefined) return wrong('SALLYPORT_URL is not an http or https URL without user and password')
  if (given !== '') {
    if (root === undefined) return wrong('SALLYPORT_URL is not set: it names the gateway, such as https://gateway.example')
    if (!isBearerToken(given)) return wrong('SALLYPORT_TOKEN is not a bearer token: letters, digits and . _ ~ + / - only')
    return { ok: true, caller: { root, token: async () => ({ ok: true, token: given }) } }
  }
  const kept = await signIns()
  const found = await kept.gateway(address)
  if (!found.ok) return found
  const { gateway } = found
  return { ok: true, caller: { root: apiRoot(gateway) as URL, token: (refused) => kept.token(gateway, `${gateway}/api/v1`, refused) } } // it was read as a URL before
}

/** A client of the admin API for the commands; the gateway and the token come from `SALLYPORT_URL` and `SALLYPORT_TOKEN`, or from `sallyport login`. */
export const createApiClient = (env: Environment): ApiClient => {
  let kept: Promise<SignIns> | undefined
  const signIns = () => (kept ??= import('./session/sign-ins.ts').then(({ openSignIns }) => openSignIns(env)))
  const ask = async <T>(method: 'GET' | 'POST', path: string, query: Query, { body, isFile = false }: { readonly body?: unknown; readonly isFile?: boolean } = {}): Promise<ApiAnswer<T>> => {
    const found = await findCaller(env, signIns)
    if (!found.ok) return found
    const { root, token } = found.caller
    let held = await token()
    if (!held.ok) return held
    const url = new URL(path, root)
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
    try {
      const send = (bearer: string) => fetch(url, {
        method,
        redirect: 'manual', // the token must not follow a redirect
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          authorization: `Bearer ${bearer}`,
          accept: isFile ? '*/*' : 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      let response = await send(held.token)
      if (response.status === 401 && (env.SALLYPORT_TOKEN ?? '') === '') {
        await response.body?.cancel()
        held = await token(held.token)
        if (!held.ok) return held
        response = await send(held.token)
      }
      const bytes = await readBytes(response)
      if (response.ok && isFile) return { ok: true, status: response.status, body: bytes as T } // asked for as bytes
      const content = parse(bytes.toString('utf8'))
      if (response.ok && content !== undefined) return { ok: true, status: response.status, body: content as T }
      if (response.ok) return failed(`${url.origin} answered with something that is not JSON: is SALLYPORT_URL a gateway?`)
      const problem = asProblem(content)
      // Every answer of the admin API says which thing is not there.
      if (response.status === 404 && problem?.detail === undefined && problem?.code === undefined) return failed(`${url.origin} has no admin API at ${root.pathname}: is SALLYPORT_URL the address of a gateway?`)
      return {
        ok: false,
        exit: response.status === 400 || response.status === 422 ? exitCode.misuse : [403, 404, 405, 409, 410].includes(response.status) ? exitCode.no : exitCode.failed,
        message: sayStatus(response.status, problem),
        status: response.status,
        ...(problem === undefined ? {} : { problem }),
      }
    } catch (error) {
      return failed(`the gateway at ${url.origin} could not be reached: ${whyUnreached(error)}`)
    }
  }
  return {
    get: (path, query = {}) => ask('GET', path, query),
    post: (path, body) => ask('POST', path, {}, { body }),
    download: (path) => ask('GET', path, {}, { isFile: true }),
  }
}
