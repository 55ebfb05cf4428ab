import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { atExit } from './at-exit.ts'

/** One request as it reached the server. */
export interface Arrived {
  readonly at: number
  readonly message: { readonly id?: unknown; readonly method: string; readonly params?: { readonly arguments?: { readonly nonce?: string } } }
}
export interface Stub {
  readonly url: string
  /** Everything that reached the server so far, in order. */
  arrived(): readonly Arrived[]
  stop(): Promise<void>
}

export async function startStub(journal: string, delay = 0): Promise<Stub> {
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'stub-process.ts'), journal, String(delay)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const end = atExit(() => void child.kill('SIGKILL'))
  const [port] = await once(createInterface({ input: child.stdout }), 'line')
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    arrived: () => readFileSync(journal, 'utf8').split('\n').slice(0, -1).map((line) => {
      const { at, body } = JSON.parse(line)
      return { at, message: JSON.parse(body) }
    }),
    async stop() {
      const ended = once(child, 'exit')
      end()
      await ended
    },
  }
}
