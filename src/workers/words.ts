import type { ShadowReport, ShadowStatus } from '../bundle/compare/shadow.ts'
import type { PipelineStatus } from '../bundle/pipeline/activate.ts'
import type { Done, Wish } from '../bundle/pipeline/going-back.ts'
import type { Act } from '../bundle/trust/acts.ts'
import type { Kept } from '../bundle/trust/archive.ts'
import type { Settings } from '../config/schema.ts'
import type { SecretValues } from '../config/secrets.ts'
import type { News } from '../login/changes.ts'
import type { Snapshot } from '../metrics/metrics.ts'
import type { ApprovalId, BundleDigest } from '../model.ts'
import type { BuiltBundle } from '../policy/bundle.ts'
import type { StoreFiles } from '../store/store.ts'

/** What a worker is started with: the configuration as the supervisor read it, so that all have the same, also the one started again tomorrow. */
export interface Order {
  readonly slot: number
  readonly count: number
  /** What time it is, by all that was seen of the clock. */
  readonly since: number
  /** Others in their places are none of this gateway's. */
  readonly files: StoreFiles
  /** Only this user can enter it; each worker's socket is in it. */
  readonly directory: string
  readonly settings: Settings
  readonly secrets: SecretValues
}

/** What the supervisor asks of a worker. */
export type OfWorker = {
  readonly start: { readonly asks: Order; readonly answers: void }
  /** Has it ready beside what is active; nothing lets go of what was. */
  readonly load: { readonly asks: BuiltBundle | undefined; readonly answers: void }
  readonly activate: { readonly asks: BuiltBundle; readonly answers: void }
  /** Switches to what was loaded. */
  readonly switch: { readonly asks: BundleDigest; readonly answers: void }
  /** Whether what is active is older than it may be: then everything is denied. */
  readonly stale: { readonly asks: boolean; readonly answers: void }
  /** A second bundle, which judges without effect. */
  readonly shadow: { readonly asks: BuiltBundle; readonly answers: void }
  readonly shadowSeen: { readonly asks: undefined; readonly answers: ShadowReport | undefined }
  /** From now on it may be handed requests. */
  readonly open: { readonly asks: undefined; readonly answers: void }
  /** Answered at once by whoever still hears. */
  readonly pulse: { readonly asks: undefined; readonly answers: void }
  readonly missing: { readonly asks: undefined; readonly answers: readonly string[] }
  readonly metrics: { readonly asks: undefined; readonly answers: Snapshot }
  readonly approvalChanged: { readonly asks: ApprovalId | undefined; readonly answers: void }
  readonly peopleChanged: { readonly asks: News | undefined; readonly answers: void }
  readonly close: { readonly asks: undefined; readonly answers: void }
}

/** What a worker asks of the supervisor. */
export type OfSupervisor = {
  readonly policy: { readonly asks: undefined; readonly answers: PipelineStatus & { readonly shadow?: ShadowStatus } }
  readonly missing: { readonly asks: undefined; readonly answers: readonly string[] }
  readonly metrics: { readonly asks: undefined; readonly answers: string }
  readonly approvalChanged: { readonly asks: ApprovalId; readonly answers: void }
  /** Answered when the others have heard it. */
  readonly peopleChanged: { readonly asks: News | undefined; readonly answers: void }
  /** How often something was done by somebody within a minute, in all processes together. */
  readonly tally: { readonly asks: readonly [what: string, from: string, add: 1 | -1]; readonly answers: number }
  /** A group of processes that must not outlive the worker begins, or has ended. */
  readonly childBegan: { readonly asks: number; readonly answers: void }
  readonly childEnded: { readonly asks: number; readonly answers: void }
  /** The repository may have something new. */
  readonly look: { readonly asks: undefined; readonly answers: void }
  /** The file of a bundle that is active. */
  readonly bundle: { readonly asks: string; readonly answers: Uint8Array | undefined }
  readonly rollback: { readonly asks: Wish & { readonly digest: string }; readonly answers: Done }
  readonly release: { readonly asks: Wish; readonly answers: Done }
  readonly kept: { readonly asks: undefined; readonly answers: readonly Kept[] }
  readonly acts: { readonly asks: number; readonly answers: readonly Act[] }
}

export const socketIn = (directory: string, slot: number): string => `${directory}/${slot}.sock`

/** What one of them may have of what all together may. */
export const shareOf = (most: number, count: number): number => Math.max(1, Math.floor(most / count))
