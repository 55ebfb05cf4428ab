import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { RealClient, Seen } from '../../test/support/clients.ts'

/** A client in another language: a program that reads orders and writes answers, one a line. Its first line tells the revision. */
export async function openProgram(command: string, args: readonly string[]): Promise<RealClient> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (text) => (said = `${said}${String(text)}`.slice(-2000)))
  child.stdin.on('error', () => undefined) // its exit is told by the line that does not come
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`${command} ended: ${said}`)
    return JSON.parse(value) as Record<string, unknown>
  }
  const ask = (order: Record<string, unknown>) => {
    child.stdin.write(`${JSON.stringify(order)}\n`)
    return next()
  }
  const { revision } = await next()
  return {
    revision: typeof revision === 'string' ? revision : undefined,
    tools: async () => (await ask({ do: 'tools' }))['tools'] as string[],
    call: async (name, args) => (await ask({ do: 'call', name, arguments: args })) as unknown as Seen,
    async close() {
      child.stdin.end()
      if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}
