import { writeSync } from 'node:fs'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { event, sessionRow, silent } from '../contract/rows.ts'

// Appends without end and tells on stdout, one line each, what became of it: run by tests that then cut it short.

const [path = '', concurrency = '1', size = '100'] = process.argv.slice(2)
const pause = new Int32Array(new SharedArrayBuffer(4))
function tell(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      // The reader is behind and the pipe full.
      if ((error as { readonly code?: string }).code !== 'EAGAIN') throw error
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}
const observe = { failed: () => tell('failed'), reopened: () => tell('reopened') }
const store = await createSqliteStore({ path, logger: silent, observe })
const message = JSON.stringify('x'.repeat(Number(size)))
await store.records.putSession(sessionRow('1'))
let next = 0
await Promise.all(
  Array.from({ length: Number(concurrency) }, async () => {
    for (;;) {
      const i = next++
      try {
        await store.records.append(event('1', String(i), { message }))
        tell(`ok ${i}`)
      } catch (error) {
        tell(`${(error as { readonly code?: string }).code} ${i}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }),
)
