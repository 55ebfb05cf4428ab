import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { GatewayError } from '../errors.ts'
import { createInput, type Line } from './child-input.ts'
import { readLines } from './lines.ts'

/** Told of a group of processes, by its first, that must not outlive this process; returns what to call when it has ended. */
export type FollowChild = (pid: number) => () => void
export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  /** The child's whole environment beside PATH and HOME. */
  readonly env: { readonly [name: string]: string }
  readonly cwd?: string
  readonly follow?: FollowChild | undefined
  /** Bytes of one line. */
  readonly maxLine: number
}
export interface ChildEvents {
  /** A line of standard output. Answers, as the next one does, what it cost without being of use to anybody: a child that says much of that is held back. */
  readonly line: (line: Uint8Array) => number
  readonly complaint: (line: Uint8Array) => number
  /** It takes nothing any more; lines it has written may still come. */
  readonly gone: (detail: string) => void
  /** No more lines come. */
  readonly drained: () => void
}
export interface Child {
  /** One line after the other; `mayBegin` is asked when its turn has come, right before its first byte. */
  write(line: string, mayBegin: () => boolean): Line
  pause(): void
  resume(): void
  /** Closes stdin, waits, then SIGTERM, then SIGKILL (basic/lifecycle, "Shutdown", stdio), to all that it started itself too. */
  stop(): Promise<void>
}

/** What a child wrote before it stopped is read for this long, of which it may be held back for a second: one of its own children may keep its output open. */
const lastWords = 2000

// A launcher such as npx has children of its own; as the first of a group of processes it takes them with it.
const hasGroups = process.platform !== 'win32'

function endGroup(child: ChildProcessWithoutNullStreams, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (child.pid === undefined) return
  try {
    if (hasGroups) process.kill(-child.pid, signal)
    else child.kill(signal)
  } catch {
    // all of them are gone already
  }
}

/** Where Node has no descriptor for them it makes no pipes, whatever its types say, and tells the error later. */
function hasPipes(child: ChildProcess): boolean {
  if (child.stdin) return true
  child.once('error', () => undefined)
  return false
}

export function startChild(options: ChildOptions, on: ChildEvents): Child {
  const { PATH, HOME } = process.env
  const env = { ...(PATH === undefined ? {} : { PATH }), ...(HOME === undefined ? {} : { HOME }), ...options.env }
  const child: ChildProcessWithoutNullStreams = spawn(options.command, [...options.args], {
    env,
    stdio: 'pipe',
    shell: false,
    detached: hasGroups,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  if (!hasPipes(child)) throw new GatewayError('capacity', { detail: `there is no file descriptor left for ${options.command}` })
  const ended = child.pid === undefined ? undefined : options.follow?.(child.pid)
  let over = false
  const drained = () => {
    if (over) return
    over = true
    on.drained()
    endGroup(child, 'SIGKILL')
    ended?.()
    // Whatever left the group may hold them open for ever, and write to them.
    output.close()
    complaints.close()
    child.stdin.destroy()
  }
  const exited = new Promise<void>((resolve) => {
    const gone = (detail: string, wait: number) => {
      on.gone(detail)
      setTimeout(drained, wait).unref()
      resolve()
    }
    child.once('error', (error) => gone(`${options.command} could not be started: ${error.message}`, 0))
    child.once('exit', (code, signal) => gone(`${options.command} stopped (${signal ?? code})`, lastWords))
    child.once('close', drained)
  })
  child.stdin.on('error', () => undefined) // the exit that follows tells it
  const input = createInput(child.stdin, options.command)
  const output = readLines(child.stdout, {
    limit: options.maxLine, each: on.line,
    overflow() {
      endGroup(child, 'SIGKILL')
      drained()
    },
  })
  const complaints = readLines(child.stderr, { limit: 64 * 1024, each: on.complaint })

  return {
    write: (line, mayBegin) => input.write(line, mayBegin),
    pause: output.pause,
    resume: output.resume,
    async stop() {
      input.end()
      output.resume()
      const terminate = setTimeout(() => endGroup(child, 'SIGTERM'), 1000)
      const kill = setTimeout(() => endGroup(child, 'SIGKILL'), 3000)
      await exited
      clearTimeout(terminate)
      clearTimeout(kill)
      endGroup(child, 'SIGKILL')
    },
  }
}
