import type { Direction, Era, Revision } from '../model.ts'
import { methods as rev20241105 } from './2024-11-05/methods.ts'
import { methods as rev20250326 } from './2025-03-26/methods.ts'
import { methods as rev20250618 } from './2025-06-18/methods.ts'
import { methods as rev20251125 } from './2025-11-25/methods.ts'
import { methods as rev20260728 } from './2026-07-28/methods.ts'
import type { MethodFacts, RevisionMethods } from './facts.ts'

export type { MethodFacts } from './facts.ts'

interface RevisionRow {
  readonly era: Era
  readonly methods: RevisionMethods
  /** JSON-RPC batches (2025-03-26 basic/index, "Batching"; removed by 2025-06-18). */
  readonly batches?: true
}

const revisions = {
  '2026-07-28': { era: 'modern', methods: rev20260728 },
  '2025-11-25': { era: 'legacy', methods: rev20251125 },
  '2025-06-18': { era: 'legacy', methods: rev20250618 },
  '2025-03-26': { era: 'legacy', methods: rev20250326, batches: true },
  '2024-11-05': { era: 'legacy', methods: rev20241105 },
} as const satisfies Record<Revision, RevisionRow>

/** Every revision that is spoken, newest first. */
export const served = Object.keys(revisions) as readonly Revision[]
export const modernRevisions = served.filter((revision) => eraOf(revision) === 'modern')
export const newestLegacy: Revision = '2025-11-25'
/** What a client without the header speaks (2025-06-18 basic/transports, "Protocol Version Header"). */
export const assumedLegacy: Revision = '2025-03-26'

export function isRevision(text: unknown): text is Revision {
  return typeof text === 'string' && Object.hasOwn(revisions, text)
}

export function eraOf(revision: Revision): Era {
  return revisions[revision].era
}

export function allowsBatches(revision: Revision): boolean {
  const row: RevisionRow = revisions[revision]
  return row.batches === true
}

/** Undefined for a method that the revision does not know in this direction. */
export function methodOf(
  revision: Revision,
  direction: Direction,
  kind: 'request' | 'notification',
  method: string,
): MethodFacts | undefined {
  const table = revisions[revision].methods[direction][kind]
  return Object.hasOwn(table, method) ? table[method] : undefined
}
