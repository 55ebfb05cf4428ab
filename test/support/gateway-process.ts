import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { GatewayFiles } from './gateway-files.ts'

const main = join(import.meta.dirname, '../../src/cli/main.ts')

/** A gateway as operators run it: a process of its own, that can be killed. */
export interface GatewayProcess {
  readonly pid: number
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** What it logged so far, line by line. */
  readonly log: readonly string[]
  kill(signal: NodeJS.Signals): Promise<number | string>
}

interface Starting {
  /** A program and its arguments that run it in its own process, such as `env`. */
  readonly under?: readonly string[]
  /** Is told at once how to kill it: it may never come to listen. */
  readonly begun?: (kill: () => void) => void
}

/** Resolves when it listens. */
export async function startGatewayProcess(files: Pick<GatewayFiles, 'config'>, { under = [], begun }: Starting = {}): Promise<GatewayProcess> {
  const [file = '', ...args] = [...under, process.execPath, '--no-warnings', main, 'start', '--config', files.config, '--json']
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], HOME: process.env['HOME'] } })
  begun?.(() => void child.kill('SIGKILL'))
  const log: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => void log.push(line))
  const ended = once(child, 'exit').then(([code, signal]: (number | string)[]) => signal ?? code ?? 0)
  const told = createInterface({ input: child.stdout })
  const listening = await Promise.race([once(told, 'line').then(([line]) => JSON.parse(String(line)).ok === true), ended.then(() => false)])
  if (!listening || child.pid === undefined) throw new Error(`the gateway does not start: ${await ended}\n${log.join('\n')}`)
  return {
    pid: child.pid, ended, log,
    kill(signal) {
      child.kill(signal)
      return ended
    },
  }
}
