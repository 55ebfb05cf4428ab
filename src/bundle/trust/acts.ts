import type { Replaced } from '../source/sources.ts'

/** Who did it; nobody where the gateway went on by itself. */
export interface Doer {
  readonly issuer: string
  readonly subject: string
  readonly email?: string
}
export interface ActedOn extends Replaced {
  /** Which source it came from. */
  readonly source: string
}
/**
 * What was done about which bundle is active. `rollback`: an older one was made active on purpose. `release`: the source decides
 * again. `resume`: the source's bundle became active after that.
 */
export interface Act {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly kind: 'rollback' | 'release' | 'resume'
  readonly by: Doer | null
  readonly reason: string
  /** The newest bundle that the source ever gave and that was active: what comes next must follow it. */
  readonly from: ActedOn
  /** What became active; null where that is for the source to say. */
  readonly to: ActedOn | null
}
export interface ActStore {
  /** Durable when it resolves. */
  append(act: Act): Promise<void>
  /** Newest first. */
  list(limit: number): readonly Act[]
  /** The digests of all bundles that records name. */
  named(): ReadonlySet<string>
}
