import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { backoff } from '../bundle/report/endpoint.ts'
import { readPlace } from '../bundle/report/place.ts'
import type { RulesOrder } from '../bundle/report/rules-in-force.ts'
import { printCursor, readCursor } from '../store/cursor.ts'
import { readers } from '../store/index.ts'
import type { ReportOrder, ThreadNews } from './upload-thread.ts'

/** The upload of decisions: a thread that is started again when it ends. */
export interface Upload {
  /** Rejects with a text for people where it cannot be told from where to send. */
  start(order: Omit<ReportOrder, 'rules'>): Promise<void>
  /** The rules that hold from now on, for what is sent. */
  order(next: RulesOrder): void
  rules(): RulesOrder
  close(): Promise<void>
}

export function createUpload({ told, failed }: { readonly told: (news: ThreadNews) => void; readonly failed: (why: string) => void }): Upload {
  const closing = new AbortController()
  let thread: Worker | undefined
  let rules: RulesOrder = { kind: 'changing' }

  const untilItEnds = (order: Omit<ReportOrder, 'rules'>): Promise<string> =>
    new Promise((resolve) => {
      thread = new Worker(new URL('./upload-thread.ts', import.meta.url), { workerData: { ...order, rules } satisfies ReportOrder, execArgv: ['--disable-warning=ExperimentalWarning'] })
      thread.on('message', told).once('error', (error) => resolve(String((error as Error).message))).once('exit', () => resolve('it ended'))
    })
  const follow = async (order: Omit<ReportOrder, 'rules'>): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      if (failures > 0) {
        const why = await checkPlace(order).then(() => undefined, (fault: Error) => fault.message)
        if (why !== undefined) return failed(`${why}, and start the gateway anew`)
      }
      const why = await untilItEnds(order)
      if (closing.signal.aborted) return
      failed(why)
      await pause(backoff(failures), undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
    }
  }

  return {
    async start(order) {
      await checkPlace(order)
      void follow(order)
    },
    order(next) {
      rules = next
      thread?.postMessage(next)
    },
    rules: () => rules,
    async close() {
      closing.abort()
      await thread?.terminate()
    },
  }
}

/** What is kept of how far the server has everything must be of this record: else decisions would be left out, and nobody would know. */
async function checkPlace({ store, file }: Pick<ReportOrder, 'store' | 'file'>): Promise<void> {
  const cursor = readPlace(file, (text) => readCursor(text, 1))?.cursor
  const [row] = readCursor(cursor, 1) ?? []
  if (cursor === undefined || row === undefined) return
  const reader = readers[store.kind](store.path)
  try {
    const { reached } = await reader.followRecorded({ from: 0, to: Number.MAX_SAFE_INTEGER, cursor: printCursor(row - 1), limit: 1 })
    if (reached === printCursor(row - 1)) throw new Error(`${file} says that decision logs were sent further than this store goes: it is of another store. Bring back the store, or delete the file to begin with what is recorded from then on`)
  } finally {
    reader.close()
  }
}
