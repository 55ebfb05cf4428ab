import type { IncomingMessage, ServerResponse } from 'node:http'
import type { PolicyDesk, PolicyStatus } from '../admin/policy.ts'
import type { News } from '../login/changes.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { ApprovalId, KnownActor } from '../model.ts'
import type { Tally } from '../oauth/rates.ts'
import type { StoreFiles } from '../store/store.ts'
import type { FollowChild } from '../upstream/child.ts'

/** What is told, asked and left to others where this is one of several processes, and is close at hand where it is the only one. */
export interface Surroundings {
  readonly policy: () => PolicyStatus | Promise<PolicyStatus>
  /** Where the policies come from may have something new. */
  readonly look: () => void
  /** The file of a bundle that is active. */
  readonly bundle: (digest: string) => Promise<Uint8Array | undefined>
  /** Where somebody goes back to an older bundle. */
  readonly desk: () => PolicyDesk
  /** What keeps the gateway from serving, all of its processes taken together. */
  readonly missing: (own: () => readonly string[]) => readonly string[] | Promise<readonly string[]>
  readonly printMetrics: (own: Metrics) => Promise<string>
  readonly member?: Member
}
/** One of several processes: everything of one principal is on one of them. */
export interface Member {
  readonly slot: number
  readonly count: number
  /** What time it was when this one was started, by all that the others have seen of the clock. */
  readonly since: number
  /** What all of them write. */
  readonly files: StoreFiles
  /** True where a request belongs to another process, which answers it. */
  readonly isElsewhere: (request: IncomingMessage, response: ServerResponse, actor: KnownActor) => boolean
  readonly approvalChanged: (id: ApprovalId) => void
  /** Resolves when the others have learnt what the store says of people and their tokens. */
  readonly peopleChanged: (news?: News) => Promise<void>
  /** Counts for all processes together. */
  readonly tally: Tally
  /** Ends what this process started, should it end without doing so. */
  readonly follow: FollowChild
  /** Whether requests that came here are still being answered elsewhere. */
  readonly isBusy: () => boolean
}
