import { createHash } from 'node:crypto'
import type { Clock, Logger } from '../../model.ts'
import type { BuiltBundle } from '../../policy/bundle.ts'
import { digestOf } from '../build.ts'
import type { Problem } from '../problem.ts'
import type { Read, Sources } from '../source/sources.ts'
import type { Act, ActedOn, ActStore, Doer } from './acts.ts'
import type { BundleArchive, Kept } from './archive.ts'
import { packBundle, unpackBundle } from './bundle-file.ts'

type GoodRead = Extract<Read, { ok: true }>

/** Why the source does not decide what is active. */
export interface Pin {
  readonly digest: string
  readonly from: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly by: Doer | null
  readonly reason: string
}
/** Where a bundle comes from and stands, where that is not what the source now says. */
export type Place = Partial<Pick<Kept, 'order' | 'given' | 'source' | 'trust' | 'evidence'>>

/**
 * Which bundle may be active, and what is kept of those that were. The pipeline asks it, one bundle at a time: `order`, `keep`,
 * then it activates, then `settle` or `takeBack`.
 */
export interface Custody {
  /** Why the source's bundle may not become active: it is older than one that was, or was rolled back from. */
  order(bundle: BuiltBundle, read: GoodRead): Promise<Problem | undefined>
  /** Resolves when the bundle can be brought back after a crash: before that it may not judge. */
  keep(bundle: BuiltBundle, sources: Sources, place: Place): Promise<void>
  takeBack(): Promise<void>
  /** The source's bundle judges: what people did before it is over. */
  settle(): Promise<void>
  pin(): Pin | undefined
  /** Newest first; the first is what was active last. */
  kept(): readonly Kept[]
  /** Why it may not be active again, if it may not: what is demanded now was not when it became active, or its signer is not believed any more. */
  objection(kept: Kept): Promise<string | undefined>
  /** The sources of one that was kept. */
  open(kept: Kept): Promise<Read>
  acts(limit: number): readonly Act[]
  /** Durable when it resolves. What it gives back takes it back. */
  record(act: Pick<Act, 'kind' | 'by' | 'reason' | 'to'>): Promise<{ undo(reason: string): Promise<void> }>
}
export interface CustodyOptions {
  readonly archive: BundleArchive
  readonly acts: ActStore
  /** Which source the gateway has: what another one gave says nothing about the order of its bundles. */
  readonly source: string
  /** What `policy.verify` demands; nothing where it is empty. */
  readonly trust: string
  /** Why what was signed is not believed under the keys that there are now; asked where something is demanded. */
  readonly disbelief: (kept: Pick<Kept, 'evidence' | 'commit'>) => Promise<string | undefined>
  readonly clock: Clock
  readonly logger: Pick<Logger, 'warn'>
}

export const actedOn = ({ digest, revision, commit, order, content, given, source }: Kept): ActedOn => ({
  digest, revision, content, source, ...(given === undefined ? {} : { given }), ...(commit === undefined ? {} : { commit }), ...(order === undefined ? {} : { order }),
})

/** An upgrade of the gateway changes every digest, since its library is part of it; what the source brought stays the same. */
const contentOf = ({ modules, library, own, data }: Sources): string => {
  const brought = own.filter((path) => Object.hasOwn(modules, path) && !library.includes(path))
  return createHash('sha256').update(digestOf({ modules: Object.fromEntries(brought.map((path) => [path, modules[path] ?? ''])), data })).digest('hex').slice(0, 32)
}

export const createCustody = ({ archive, acts, source, trust, disbelief, clock, logger }: CustodyOptions): Custody => {
  let last: Act | undefined = acts.list(1)[0]

  /** After a rollback not what is active, but what it went back from: else going back twice would open the way to everything between. */
  const newest = (): ActedOn | undefined => {
    if (last !== undefined && last.kind !== 'resume') return last.from
    const kept = archive.list()[0]
    return kept === undefined ? undefined : actedOn(kept)
  }
  const record: Custody['record'] = async (act) => {
    const from = newest()
    if (from === undefined) throw new Error('no bundle was ever active')
    const before = last
    const now = archive.list()[0]
    const append = async (one: Act): Promise<void> => {
      await acts.append(one)
      last = one
    }
    await append({ at: clock(), ...act, from })
    return {
      undo: (reason) => append(before === undefined || now === undefined ? { at: clock(), kind: 'resume', by: null, reason, from, to: from } : { ...before, at: clock(), by: null, reason: `${reason}; before: ${before.reason}` }),
    }
  }
  const isSame = (bundle: BuiltBundle, { order, given }: GoodRead, other: ActedOn): boolean => bundle.digest === other.digest && bundle.commit === other.commit && order === other.order && given === other.given
  const isRolledBack = (bundle: BuiltBundle, { sources }: GoodRead): boolean => {
    if (last?.kind !== 'rollback') return false
    const { digest, commit, content } = last.from
    return bundle.digest === digest || (commit !== undefined && bundle.commit === commit) || contentOf(sources) === content
  }

  return {
    async order(bundle, read) {
      const before = newest()
      if (before === undefined) return undefined
      if (last?.kind === 'rollback' && isRolledBack(bundle, read)) {
        const who = last.by === null ? '' : ` by ${last.by.email ?? last.by.subject}`
        return { stage: 'order', code: 'rolled_back', message: `this bundle was rolled back from${who}: ${last.reason}`, remedy: 'ship a newer one, or run `sallyport policy rollback --release`' }
      }
      if (before.source !== source || isSame(bundle, read, before)) return undefined
      const why = await read.follows?.(before)
      if (why === undefined) return undefined
      return { stage: 'order', code: 'not_newer', message: why, remedy: 'go back on purpose with `sallyport policy rollback`, which is recorded with its reason' }
    },
    async keep(bundle, sources, place) {
      const { digest, revision, commit } = bundle
      const kept: Kept = { digest, revision, commit, order: place.order, content: contentOf(sources), given: place.given, trust: place.trust ?? trust, evidence: place.evidence, source: place.source ?? source, activated_at: clock() }
      const now = archive.list()[0]
      if (now !== undefined && now.digest === digest && now.revision === revision && now.commit === commit && now.order === kept.order && now.given === kept.given && now.trust === kept.trust && now.evidence === kept.evidence && now.source === kept.source) return
      await archive.keep(kept, await packBundle(sources, bundle))
    },
    takeBack: archive.takeBack,
    async settle() {
      if (last === undefined || last.kind === 'resume') return
      const [now] = archive.list()
      await record({ kind: 'resume', by: null, reason: 'the bundle of the source became active', to: now === undefined ? null : actedOn(now) })
    },
    pin: () => (last?.kind !== 'rollback' || last.to === null ? undefined : { digest: last.to.digest, from: last.from.digest, at: last.at, by: last.by, reason: last.reason }),
    kept: archive.list,
    async objection(kept) {
      if (trust === '') return undefined
      if (kept.trust !== trust) return 'it was active before policy.verify demanded what it demands now'
      return disbelief(kept)
    },
    async open(kept) {
      const got = await archive.get(kept.digest)
      const read: Read = got.ok ? await unpackBundle(got.bytes) : { ok: false, problems: [{ stage: 'verify', code: 'not_kept', message: `${kept.digest}: ${got.why}` }] }
      if (!read.ok) {
        logger.warn('a bundle that was kept cannot be used', { bundle: kept.digest, problems: read.problems })
        return read
      }
      // Its file may be from when another commit of the same content was active.
      const { commit: _, ...sources } = read.sources
      return { ...read, sources: { ...sources, revision: kept.revision, ...(kept.commit === undefined ? {} : { commit: kept.commit }) } }
    },
    acts: acts.list,
    record,
  }
}
