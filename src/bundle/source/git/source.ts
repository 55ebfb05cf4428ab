import { join } from 'node:path'
import { createInTurn } from '../../../in-turn.ts'
import type { StageRun } from '../../opa.ts'
import type { Problem, Stage } from '../../problem.ts'
import { createPoll } from '../poll.ts'
import type { Poll } from '../poll.ts'
import { sourcesOf } from '../read-directory.ts'
import type { Source } from '../source.ts'
import type { Read, Replaced } from '../sources.ts'
import { hiddenOf, withCredentials } from './credentials.ts'
import type { GitCredentials } from './credentials.ts'
import { isOfCopy, problemOf, quoted } from './problem.ts'
import type { Failure } from './problem.ts'
import { createReach } from './reach.ts'
import { createRepository } from './repository.ts'
import type { Limits, Repository, Wanted } from './repository.ts'
import type { GitPlace } from './run.ts'
import { findSignatureProblem, readCommit } from './signature.ts'
import { readTree } from './tree.ts'

export interface GitSourceOptions {
  readonly url: string
  readonly transport: GitPlace['transport']
  /** The addresses of an origin, if they may be asked; without it only files are read. Rejects with a text for people. */
  readonly addressesOf?: (origin: string) => Promise<readonly string[]>
  readonly wanted: Wanted
  /** The folder of the repository that holds the policies; all of it where none is given. */
  readonly folder?: string
  /** Asked each time: what is short-lived may have been replaced. */
  readonly credentials?: () => Promise<GitCredentials>
  /** A file with the certificates of the authorities that a host over https is verified by; the public ones where none is given. */
  readonly authorities?: string
  /** A file in the form of `ssh-keygen`; every commit that is taken must be signed by one of them. */
  readonly allowedSigners?: string
  /** Where the copy of the repository is kept. */
  readonly directory: string
  /** Milliseconds. */
  readonly poll: number
  readonly limits?: Limits
}

type Step = { readonly ok: true; readonly read: Read } | { readonly ok: false; readonly failure: Failure }
type Timed = <T>(name: Stage, work: () => Promise<T>, isFine: (result: T) => boolean) => Promise<T>
const createTimes = (): { readonly stages: StageRun[]; readonly timed: Timed } => {
  const stages: StageRun[] = []
  const timed: Timed = async (name, work, isFine) => {
    const began = performance.now()
    const result = await work()
    stages.push({ name, ms: Math.round(performance.now() - began), ok: isFine(result) })
    return result
  }
  return { stages, timed }
}
const short = (commit: string): string => commit.slice(0, 12)

/** Policies from a Git repository, by way of a bare copy that nothing is checked out of. */
export const createGitSource = (options: GitSourceOptions): Source => {
  const { url, wanted, credentials, directory, transport } = options
  let hidden: readonly string[] = []
  const closing = new AbortController()
  /** The commit that was read last, unless it could not be. */
  let known: string | undefined
  let poll: Poll | undefined
  const reach = createReach(url, transport, options.addressesOf)

  const inTurn = createInTurn()
  const withRepository = async <T>(use: (repository: Repository, place: GitPlace) => Promise<T>): Promise<T> => {
    const own = await credentials?.()
    hidden = hiddenOf(own)
    return withCredentials(url, own, (home, secrets) => {
      const place: GitPlace = { repository: join(directory, 'repository.git'), home, transport, secrets, authorities: options.authorities }
      return use(createRepository(place, url, wanted, reach, closing.signal, options.limits), place)
    })
  }

  const refused = (...problems: readonly Problem[]): Read => ({ ok: false, problems })
  const attempt = (isUncertain: boolean, timed: Timed): Promise<Step> =>
    withRepository(async (repository, place) => {
      const fetched = await timed('fetch', () => repository.fetch(isUncertain), ({ ok }) => ok)
      if (!fetched.ok) return fetched
      const { commit } = fetched
      const { allowedSigners } = options
      const problem = allowedSigners === undefined ? undefined : await timed('verify', () => findSignatureProblem(place, commit, allowedSigners, closing.signal), (found) => found === undefined)
      if (problem !== undefined) return { ok: true, read: refused(problem) }
      const tree = await timed('read', () => readTree(place, commit, options.folder, closing.signal), (result) => result.kind === 'read' && result.problems.length === 0)
      if (tree.kind === 'failed') return { ok: false, failure: tree.failure }
      // Whatever else is wrong with it stays wrong until there is another commit.
      known = commit
      if (tree.problems.length > 0) return { ok: true, read: refused(...tree.problems) }
      const read = await sourcesOf(tree.files, { revision: commit, commit })
      const evidence = allowedSigners === undefined ? undefined : await readCommit(place, commit, closing.signal)
      return { ok: true, read: read.ok ? { ...read, ...(evidence === undefined ? {} : { evidence }), follows: (active) => follows(active, commit) } : read }
    })

  const read = async (): Promise<Read> => {
    const isUncertain = known === undefined
    known = undefined
    let { stages, timed } = createTimes()
    try {
      let step = await attempt(isUncertain, timed)
      if (!step.ok && isOfCopy(step.failure)) {
        await withRepository((repository) => repository.remove())
        ;({ stages, timed } = createTimes())
        step = await attempt(false, timed)
      }
      return { ...(step.ok ? step.read : refused(problemOf(step.failure, hidden))), stages }
    } catch (fault) {
      const { code, message } = fault as NodeJS.ErrnoException
      if (code === 'ENOSPC') return refused(problemOf({ ok: false, why: 'failed', said: 'No space left on device' }))
      const said = quoted(message, hidden)
      // What the system refuses has a code; credentials that are not to be had say so in words.
      return refused(code === undefined ? { stage: 'fetch', code: 'credentials_missing', message: said, remedy: 'see policy.source.credentials' } : { stage: 'fetch', code: 'fetch_failed', message: said })
    }
  }

  /** Rolling back is an act of its own: a branch that was set back or rewritten changes nothing here. */
  const follows = (active: Replaced, commit: string): Promise<string | undefined> =>
    inTurn(async () => {
      const older = active.commit
      if (older === undefined || older === commit) return undefined
      const relation = await withRepository((repository) => repository.relate(older, commit))
      if (relation === 'follows') return undefined
      if (typeof relation === 'object') return `it cannot be told whether commit ${short(commit)} follows the active commit ${short(older)}: ${problemOf(relation, hidden).message}`
      const remedy = `push a commit that follows ${short(older)}, or go back on purpose with \`sallyport policy rollback\``
      return relation === 'precedes'
        ? `commit ${short(commit)} is older than the active commit ${short(older)}: the branch was set back; ${remedy}`
        : `commit ${short(commit)} does not follow the active commit ${short(older)}: the history was rewritten, or is of another repository; ${remedy}`
    })

  return {
    read: () => inTurn(read),
    watch: (onChange, onCurrent) =>
      (poll = createPoll(options.poll, async () => {
        const before = known
        const now = before === undefined ? undefined : await withRepository((repository) => repository.look()).catch(() => undefined)
        if (closing.signal.aborted) return
        // What cannot be told is told by reading: the status then says why. What is being read meanwhile may be older than this look.
        if (now === undefined || now !== known) onChange()
        else onCurrent?.()
      })),
    look: () => poll?.look(),
    async close() {
      closing.abort()
      await inTurn(async () => undefined)
    },
  }
}
