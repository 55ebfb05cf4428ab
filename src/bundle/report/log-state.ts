import type { Clock } from '../../model.ts'
import type { FollowNews } from './follow.ts'

type Counted = Extract<FollowNews, { readonly decisions: number }>

/** What became of decisions that were to be sent, since the start. */
export interface LogState extends Readonly<Record<Counted['kind'], number>> {
  /** Why their server takes none at present. */
  readonly failing: string | null
  /** Why the rules of `package system.log` could not be followed, the last time. */
  readonly fault: { readonly at: string; readonly why: string } | null
}

export const createLogState = ({ clock }: { readonly clock: Clock }) => {
  const counts: Record<Counted['kind'], number> = { sent: 0, lost: 0, dropped: 0, bare: 0, withheld: 0 }
  let failing: string | null = null
  let fault: LogState['fault'] = null
  let told: string | undefined

  return {
    failing: (why: string | undefined): void => void (failing = why ?? null),
    /** What the rules before did is not what these do. */
    rulesChanged(): void {
      fault = null
      told = undefined
    },
    /** Whether it says something new. */
    count(news: Counted): boolean {
      counts[news.kind] += news.decisions
      if (news.kind !== 'bare' && news.kind !== 'withheld') return false
      fault = { at: new Date(clock()).toISOString(), why: news.why }
      const isNew = told === undefined
      told = news.why
      return isNew
    },
    read: (): LogState => ({ ...counts, failing, fault }),
  }
}
