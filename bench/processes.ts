import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  /** What `ready` caught of the line by which the process said that it is ready. */
  readonly said: string
  /** Resolves when it is gone. */
  stop(): Promise<void>
}

export interface Surroundings {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
}

/** Starts a Node process and waits for the line that says it is ready. */
export const start = (name: string, args: readonly string[], ready: RegExp, surroundings: Surroundings): Promise<Running> => startProgram(name, [process.execPath, '--no-warnings', ...args], ready, surroundings)

/** The same for any program. */
export function startProgram(name: string, [program = '', ...args]: readonly string[], ready: RegExp, surroundings: Surroundings): Promise<Running> {
  const child = spawn(program, args, { ...surroundings, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const said: string[] = []
  const keep = (line: string) => {
    said.push(line)
    if (said.length > 30) said.shift()
  }
  return new Promise((resolve, reject) => {
    const running = (caught: string): Running => ({
      child, said: caught, pid: child.pid ?? 0,
      async stop() {
        child.kill('SIGTERM')
        const late = setTimeout(() => child.kill('SIGKILL'), 5000)
        await gone
        clearTimeout(late)
      },
    })
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        keep(line)
        const caught = ready.exec(line)?.[1]
        if (caught !== undefined) resolve(running(caught))
      })
    }
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}:\n${said.join('\n')}`)))
  })
}

/** What clock ticks of /proc are in milliseconds (`getconf CLK_TCK` is 100 on Linux). */
const tick = 10

/** A process and, where it is a supervisor, its workers. */
function withWorkers(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number))
  return [pid, ...children.filter((child) => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('/src/worker.ts'))]
}

/** CPU time of a process and its workers with all their threads, user and system, in milliseconds. */
export const cpuOf = (pid: number): number => withWorkers(pid).reduce((total, one) => total + cpuOfOne(one), 0)

function cpuOfOne(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * tick
}

export const rssOf = (pid: number): number => withWorkers(pid).reduce((total, one) => total + rssOfOne(one), 0)

function rssOfOne(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
