import { setTimeout as sleep } from 'node:timers/promises'
import type { Request, Response } from 'express'
import { bundleMedia } from './contract/policy.ts'
import { refuse, sendProblem } from './problem.ts'

/** The bundle that judges, as others may fetch it. */
export interface ServedBundle {
  /** The digest of the active one. */
  readonly active: () => string | undefined
  readonly read: (digest: string) => Promise<Uint8Array | undefined>
}

const longestWait = 300
/** Requests that are held at once; who comes later is answered at once. */
const mostHeld = 200
/** Policies change by the hour. */
const lookEvery = 250

/** Seconds of `Prefer: wait=…` (RFC 7240 section 4.3), in whichever way it is put together with other preferences. */
const waitOf = (request: Request): number => {
  const [, seconds] = /(?:^|[;,\s])wait="?(\d{1,6})(?:$|["\s;,])/i.exec(request.get('prefer') ?? '') ?? []
  return Math.min(Number(seconds ?? 0), longestWait)
}

/** RFC 9110 section 13.1.2: weak comparison. */
const names = (header: string | undefined, etag: string): boolean => (header ?? '').split(',').some((one) => one.trim().replace(/^W\//, '') === etag)

/** OPA's bundle API: a bundle by its ETag, and where it is asked for, later. */
export function createBundleAnswer({ active, read }: ServedBundle) {
  let held = 0

  const untilItChanges = async (digest: string | undefined, seconds: number, gone: AbortSignal): Promise<void> => {
    const until = performance.now() + seconds * 1000
    held += 1
    try {
      while (active() === digest && performance.now() < until) await sleep(Math.min(lookEvery, until - performance.now()), undefined, { signal: gone })
    } finally {
      held -= 1
    }
  }

  return async (request: Request, response: Response): Promise<void> => {
    const etagOf = (digest: string | undefined): string => `"${digest ?? ''}"`
    const known = active()
    const wait = names(request.get('if-none-match'), etagOf(known)) && held < mostHeld ? waitOf(request) : 0
    if (wait > 0) {
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      await untilItChanges(known, wait, gone.signal).catch(() => undefined)
      if (gone.signal.aborted) return
    }
    const digest = active()
    if (digest === undefined) return sendProblem(response, refuse(503, 'no_bundle', 'no policy bundle is active'))
    const headers = { ETag: etagOf(digest), 'Content-Type': bundleMedia }
    if (names(request.get('if-none-match'), headers.ETag)) return void response.set(headers).status(304).end()
    const bytes = await read(digest)
    if (bytes === undefined) return sendProblem(response, refuse(503, 'bundle_unreadable', 'the file of the active bundle cannot be read'))
    response.set(headers).send(Buffer.from(bytes))
  }
}
