import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

/** Something that watches a thread's calls of the kernel, or falsifies them, until it is let go. */
export interface Trace {
  /** Lets go of what is traced; it runs on as if nothing had been. */
  stop(): Promise<void>
}

/** The thread that writes the store, by the name that the gateway gives it. */
export function writerThread(pid: number): number {
  const found = readdirSync(`/proc/${pid}/task`).find((task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8').trim() === 'store-writer')
  if (found === undefined) throw new Error('the gateway has no thread called store-writer')
  return Number(found)
}

/** Resolves when the thread, or with `-f` the whole process, is traced. `output` is a file for what was seen. */
export async function trace(task: number, args: readonly string[], output = '/dev/null'): Promise<Trace> {
  const strace = spawn('strace', ['-o', output, ...args, '-p', String(task)], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(strace, 'exit')
  let told = ''
  await new Promise<void>((resolve, reject) => {
    strace.stderr.setEncoding('utf8').on('data', (text: string) => {
      told += text
      if (/attached/.test(told)) resolve()
    })
    strace.once('exit', () => reject(new Error(`strace: ${told}`)))
  })
  return {
    async stop() {
      strace.kill('SIGINT')
      await ended
    },
  }
}
