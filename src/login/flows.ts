import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createBounded, type Kept } from '../kept.ts'
import type { Clock, JsonObject } from '../model.ts'
import { cookieOf, createCookies, type CookieNames } from './cookies.ts'
import type { Want } from './provider.ts'
import { localPath } from './return-path.ts'

/** A sign-in under way: what its answer must match, and the browser that began it. */
export interface Flow {
  readonly provider: string
  readonly keep: JsonObject
  readonly want: Want
  readonly returnTo: string
}
export type FoundFlow =
  | { readonly ok: true; readonly flow: Flow }
  | { readonly ok: false; readonly code: 'flow_unknown' | 'flow_of_another_browser'; readonly message: string }

const kind = 'login:flow'
const lifetime = 10 * 60_000
/** Beginnings within a second, in each process: nobody has proved anything yet, and each is written down. */
const mostAtOnce = 200
/** Under way, begun in each process: whoever floods this shortens the time that others have, to a hundred seconds at worst. */
const mostUnderWay = 20_000

const newId = (): string => randomBytes(32).toString('base64url')

export function createFlows({ kept, cookies, clock, most = mostUnderWay }: { readonly kept: Kept; readonly cookies: CookieNames; readonly clock: Clock; readonly most?: number }) {
  const { set } = createCookies(cookies)
  const bounded = createBounded(kept, { kind, most, clock })
  let second = 0
  let begun = 0

  return {
    mayBegin(): boolean {
      const now = Math.floor(clock() / 1000)
      if (now !== second) [second, begun] = [now, 0]
      begun += 1
      return begun <= mostAtOnce
    },
    newId,
    /** Answers with the cookie that binds the flow to this browser; one serves all of its flows. */
    async begin(id: string, { provider, keep, want, returnTo }: Flow, request: Pick<IncomingMessage, 'rawHeaders'>): Promise<string> {
      const browser = cookieOf(request.rawHeaders, cookies.flow) ?? newId()
      const row = { provider, keep, returnTo: localPath(returnTo), browser, ...(want.acr === undefined ? {} : { acr: want.acr }), ...(want.maxAge === undefined ? {} : { maxAge: want.maxAge }) }
      await bounded.put(id, row, { expiresAt: clock() + lifetime })
      return set(cookies.flow, browser, lifetime / 1000)
    },
    /** Once, for the provider that it is with, in the browser that began it. An answer that is somebody else's uses nothing up. */
    async take(id: string | null, provider: string, request: Pick<IncomingMessage, 'rawHeaders'>): Promise<FoundFlow> {
      const unknown: FoundFlow = { ok: false, code: 'flow_unknown', message: 'This sign-in was finished before, or took longer than ten minutes. Begin again.' }
      const found = id === null || id.length > 128 ? undefined : await kept.get(kind, id)
      if (id === null || found === undefined || found.value['provider'] !== provider) return unknown
      const { keep, returnTo, browser, acr, maxAge } = found.value
      if (cookieOf(request.rawHeaders, cookies.flow) !== browser) return { ok: false, code: 'flow_of_another_browser', message: 'This sign-in was begun in another browser, or this browser does not keep cookies. Begin again here.' }
      if (!(await kept.take(kind, id))) return unknown
      const want = { ...(typeof acr === 'string' ? { acr } : {}), ...(typeof maxAge === 'number' ? { maxAge } : {}) }
      return { ok: true, flow: { provider, keep: keep as JsonObject, want, returnTo: localPath(returnTo) } }
    },
  }
}
export type Flows = ReturnType<typeof createFlows>
