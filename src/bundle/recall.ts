import type { Recall } from '../policy/bundle.ts'
import type { OpaReads } from './opa.ts'

/** What differs from one message of the same kind to the next. */
const changing = ['/now', '/session', '/findings', '/message/call/arguments', '/message/body', '/request/call/arguments', '/request/body']

const within = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}/`)
const varies = (pointer: string): boolean => changing.some((place) => within(pointer, place) || within(place, pointer))

/** Which verdict sets are asked anew of each message; the others say the same as long as what they read is the same. */
export const recallOf = ({ sets, settled }: OpaReads): { readonly sets: Readonly<Record<string, readonly string[]>>; readonly recall?: Recall } => {
  const asked: Record<string, string[]> = {}
  const moving = new Set<string>()
  const standing = new Set(settled)
  for (const [set, pointers] of Object.entries(sets)) {
    const slash = set.indexOf('/')
    const isVarying = pointers.some(varies)
    if (isVarying) (asked[set.slice(0, slash)] ??= []).push(set.slice(slash + 1))
    for (const pointer of pointers) (isVarying ? moving : standing).add(pointer)
  }
  const whole = moving.has('') || standing.has('')
  return { sets: asked, ...(whole ? {} : { recall: { varying: [...moving], settled: [...standing] } }) }
}
