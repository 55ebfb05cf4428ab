import { createHash } from 'node:crypto'
import { startWorker } from '../../src/bundle/opa.ts'
import { createLanes, type Calls } from '../../src/bundle/opa-calls.ts'

/** What OPA's processes answered is known by the question: they answer the same question alike. */
export interface KeptOpa {
  ask(request: string, within?: number): Promise<string>
  /** Ends the processes, with whatever they work on. */
  drop(): void
}

const mostAnswers = 40

/** OPA's own processes, as a gateway starts them, for one suite after the other: starting one takes longer than most calls. */
export function keepOpa(): KeptOpa {
  const start = () => startWorker(1.5 * 1024 ** 3)
  const open = (): Calls => createLanes(2, { timeout: 240_000, idle: 600_000, start })
  const answers = new Map<string, Promise<string>>()
  let calls = open()
  return {
    ask(request, within) {
      const key = createHash('sha256').update(request).digest('base64')
      const answer = answers.get(key) ?? calls.ask(request, within)
      answer.catch(() => answers.delete(key))
      answers.delete(key)
      answers.set(key, answer)
      for (const oldest of answers.keys()) if (answers.size > mostAnswers) answers.delete(oldest)
      return answer
    },
    drop() {
      void calls.close()
      calls = open()
    },
  }
}
