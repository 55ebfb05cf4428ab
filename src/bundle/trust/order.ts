import type { Replaced } from '../source/sources.ts'
import type { OpenBundle } from './open-bundle.ts'

const ofRevision = (revision: string): number | undefined => {
  if (/^[0-9]{1,15}$/.test(revision)) return Number(revision)
  const time = /^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})$/.test(revision) ? Date.parse(revision) : Number.NaN
  return Number.isNaN(time) ? undefined : time
}

export interface Ordered {
  readonly order?: number
  readonly given: string
  readonly follows: (active: Replaced) => Promise<string | undefined>
}

/** Where a bundle stands among those of its maker: its sequence, else when it was signed, else a revision that is a number or a time. */
export const orderOf = ({ manifest, signed }: Pick<OpenBundle, 'manifest' | 'signed'>, given: string): Ordered => {
  const order = manifest.metadata?.sallyport?.sequence ?? signed?.issued_at ?? ofRevision(manifest.revision ?? '')
  const refusal = (last: number | undefined): string | undefined => {
    // A signature holds for ever: only its order tells an old bundle that somebody serves again from a new one.
    if (order === undefined) return signed === undefined ? undefined : 'nothing signed in the bundle says that it is newer: sign it with `sallyport policy sign`, or give it a revision that is a number'
    if (last === undefined || order > last || (order === last && signed === undefined)) return undefined
    return order === last ? `another bundle with the sequence ${order} was active before` : `the bundle is older (sequence ${order}) than what was active before (${last})`
  }
  // The same file may have become another bundle, by rules that the gateway has of its own.
  return { ...(order === undefined ? {} : { order }), given, follows: async ({ order: last, given: before }) => (before === given ? undefined : refusal(last)) }
}
