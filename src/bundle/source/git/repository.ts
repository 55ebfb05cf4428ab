import { createCopy } from './copy.ts'
import type { Failure } from './problem.ts'
import type { Reach } from './reach.ts'
import { runGit } from './run.ts'
import type { GitPlace, GitResult, GitRun } from './run.ts'

/** What is followed: one ref of the repository, or one commit. */
export type Wanted = { readonly ref: string } | { readonly commit: string }

/** Bytes that a copy may have. */
const largest = 512 * 1024 * 1024
const fetchWithin = 120_000
/** A host that does not even say what it has is not waited for: a gateway that starts has something else to judge by. */
const answerWithin = 15_000

const tip = 'refs/sallyport/tip'
const active = 'refs/sallyport/active'

export interface Limits {
  readonly largest?: number
  readonly fetchWithin?: number
}

/** The gateway's bare copy of a repository: as little history as will do. */
export const createRepository = (place: GitPlace, url: string, wanted: Wanted, reach: Reach, signal: AbortSignal, { largest: most = largest, fetchWithin: within = fetchWithin }: Limits = {}) => {
  const run = (args: readonly string[], options: GitRun = {}): Promise<GitResult> => runGit(place, args, { ...options, signal })
  /** What goes to another machine. */
  const runAfar = async (args: readonly string[], options: GitRun): Promise<GitResult> => {
    const reached = await reach()
    return reached.ok ? runGit(place, args, { ...options, config: reached.config }) : reached
  }
  const copy = createCopy(place.repository, run)
  const exists = async (name: string): Promise<boolean> => (await run(['cat-file', '-e', `${name}^{commit}`])).ok
  const asked = 'ref' in wanted ? wanted.ref : wanted.commit

  /** Fetches, and no more than may be. */
  const bring = (refs: readonly string[], ...how: readonly string[]): Promise<GitResult> => {
    const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-maintenance', '--update-shallow', ...how, '--', url, ...refs]
    return copy.bounded(most, (tooLarge) => runAfar(args, { within, signal: AbortSignal.any([signal, tooLarge]) }))
  }

  const list = (...refs: readonly string[]): Promise<GitResult> => runAfar(['ls-remote', '--quiet', '--', url, ...refs], { within: Math.min(answerWithin, within), signal })

  const commitAt = async (name: string): Promise<string | undefined> => {
    const found = await run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`])
    return found.ok ? found.out.toString().trim() : undefined
  }
  const isAncestor = async (older: string, newer: string): Promise<boolean> => (await run(['merge-base', '--is-ancestor', older, newer])).ok

  return {
    remove: copy.remove,
    /** The commit that is wanted, now in the copy. */
    async fetch(isUncertain: boolean): Promise<{ readonly ok: true; readonly commit: string } | { readonly ok: false; readonly failure: Failure }> {
      const prepared = await copy.prepare()
      if (!prepared.ok) return { ok: false, failure: prepared }
      await copy.tidy()
      if (!('commit' in wanted && (await exists(wanted.commit)))) {
        const reached = isUncertain ? await list('HEAD') : undefined
        if (reached?.ok === false) return { ok: false, failure: reached }
        const isFirst = (await commitAt(tip)) === undefined
        let fetched = await bring([`+${asked}:${tip}`], ...(isFirst ? ['--depth=1'] : []))
        // Some hosts give a commit only to those who ask for the branch that it is on.
        if (!fetched.ok && 'commit' in wanted && /not our ref|unadvertised object/.test(fetched.said)) fetched = await bring(['+refs/heads/*:refs/sallyport/heads/*', '+refs/tags/*:refs/sallyport/tags/*'])
        if (!fetched.ok) return { ok: false, failure: fetched }
      }
      const commit = await commitAt('ref' in wanted ? tip : wanted.commit)
      return commit === undefined ? { ok: false, failure: { ok: false, why: 'failed', said: 'not our ref: it is no commit' } } : { ok: true, commit }
    },
    /** What the ref is at now, without fetching it; undefined where that cannot be told. */
    async look(): Promise<string | undefined> {
      if ('commit' in wanted) return wanted.commit
      const told = await list(wanted.ref, `${wanted.ref}^{}`)
      if (!told.ok) return undefined
      const refs = new Map(told.out.toString().split('\n').flatMap((line) => {
        const [, id, name] = /^([0-9a-f]{40,64})\t(.+)$/.exec(line) ?? []
        return id === undefined || name === undefined ? [] : [[name, id] as const]
      }))
      return refs.get(`${wanted.ref}^{}`) ?? refs.get(wanted.ref)
    },
    /** How one commit stands to another; more history is fetched only where the answer needs it. */
    async relate(older: string, newer: string): Promise<'follows' | 'precedes' | 'diverged' | Failure> {
      const follows = async (): Promise<boolean> => (await exists(older)) && (await isAncestor(older, newer))
      for (const how of ['', '--deepen=500', '--unshallow']) {
        if (how !== '') {
          const shallow = await run(['rev-parse', '--is-shallow-repository'])
          if (shallow.ok && shallow.out.toString().trim() === 'false') break
          const fetched = await bring([`+${asked}:${tip}`], how)
          if (!fetched.ok) return fetched
        }
        if (await follows()) {
          // Kept, whatever becomes of the branch, so that the next commit can be compared with it.
          await run(['update-ref', active, newer])
          return 'follows'
        }
      }
      return (await exists(older)) && (await isAncestor(newer, older)) ? 'precedes' : 'diverged'
    },
  }
}
export type Repository = ReturnType<typeof createRepository>
