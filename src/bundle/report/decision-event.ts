import type { Decision } from '../../model.ts'
import type { Recorded } from '../compare/replay.ts'

export type Labels = Readonly<Record<string, string>>

/**
 * A decision in the form of OPA's decision logs (https://www.openpolicyagent.org/docs/management-decision-logs). The record has replaced
 * what was detected or masked; `masked` and `erased` name these places, and where there are none, `input` is what was judged.
 */
export const decisionEvent = ({ session, seq, exchange, at, question, lost, decision }: Recorded, labels: Labels) => {
  const places = lost.map((place) => `/input${place}`)
  const erased = places.filter((place) => !exists(question, place.slice('/input'.length)))
  const masked = places.filter((place) => !erased.includes(place))
  const { actor } = question
  return {
    labels,
    decision_id: `${exchange}/${session}/${seq}`,
    bundles: { sallyport: { revision: decision.bundle } },
    path: 'sallyport/decision',
    input: question,
    result: resultOf(decision),
    ...(erased.length === 0 ? {} : { erased }),
    ...(masked.length === 0 ? {} : { masked }),
    requested_by: actor.kind === 'nobody' ? 'nobody' : `${actor.provider}:${actor.subject}`,
    timestamp: new Date(at).toISOString(),
  }
}

/** What the policies said, without the words that the gateway adds from METADATA. */
const resultOf = ({ bundle: _bundle, reasons, ...said }: Decision) => ({ ...said, reasons: reasons.map(({ code, message, rule }) => ({ code, ...(message === undefined ? {} : { message }), rule })) })

/** Whether anything stands at that place; `*` is any element. */
const exists = (value: unknown, pointer: string): boolean => {
  const [, step, ...rest] = pointer.split('/')
  if (step === undefined) return value !== undefined
  if (typeof value !== 'object' || value === null) return false
  const below = rest.map((each) => `/${each}`).join('')
  if (step === '*') return Object.values(value).some((each) => exists(each, below))
  const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
  return Object.hasOwn(value, key) && exists((value as Record<string, unknown>)[key], below)
}
