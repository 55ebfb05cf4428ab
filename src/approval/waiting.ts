import type { ApprovalId, Clock } from '../model.ts'
import type { ApprovalRow } from './approval-store.ts'

export interface WaitOptions {
  readonly signal: AbortSignal
  readonly until?: number
  readonly get: (id: ApprovalId) => Promise<ApprovalRow | undefined>
  readonly now: Clock
}
export interface Waiting {
  changed(row: ApprovalRow): void
  /** Makes those who wait look again; everybody, where no approval is named. */
  look(id?: ApprovalId): void
  wait(id: ApprovalId, options: WaitOptions): Promise<ApprovalRow>
  isAwaited(id: ApprovalId): boolean
  close(): void
}

const longestTimer = 0x7fffffff

/** Those who wait for an answer are woken by it; nothing is polled. */
export function createWaiting(): Waiting {
  const waiters = new Map<ApprovalId, Set<() => void>>()
  let closed = false

  function wake(id: ApprovalId): void {
    for (const each of waiters.get(id) ?? []) each()
  }

  function register(id: ApprovalId, woken: () => void): () => void {
    const all = waiters.get(id) ?? new Set()
    waiters.set(id, all.add(woken))
    return () => {
      all.delete(woken)
      if (all.size === 0 && waiters.get(id) === all) waiters.delete(id)
    }
  }

  async function turn(id: ApprovalId, { signal, until = Infinity, get, now }: WaitOptions): Promise<ApprovalRow | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const woken = () => resolve()
    // Registered before the look, so that no change falls between.
    const leave = register(id, woken)
    signal.addEventListener('abort', woken, { once: true })
    let timer: NodeJS.Timeout | undefined
    try {
      const row = await get(id)
      if (row === undefined) throw new TypeError(`no such approval: ${id}`)
      if (row.state !== 'pending' || signal.aborted || closed || until <= now()) return row
      const left = Math.min(until, row.expires_at) - now()
      timer = setTimeout(woken, Math.min(Math.max(left, 1), longestTimer)).unref()
      await promise
      return undefined
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', woken)
      leave()
    }
  }

  return {
    changed: (row) => wake(row.id),
    look(id) {
      for (const each of id === undefined ? [...waiters.keys()] : [id]) wake(each)
    },
    isAwaited: (id) => waiters.has(id),
    async wait(id, options) {
      for (;;) {
        const row = await turn(id, options)
        if (row !== undefined) return row
      }
    },
    close() {
      closed = true
      for (const id of [...waiters.keys()]) wake(id)
    },
  }
}
