import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { GatewayError } from '../errors.ts'
import type { Json, Logger, RequestId } from '../model.ts'
import { outgoingEnvelope } from './outgoing.ts'
import { createQueue, type Queue } from './queue.ts'
import type { Arrival, Reply, Upstream, UpstreamLink } from './upstream.ts'

/** What of an unjudged line is needed to know whose it is. */
export interface LineAddress {
  readonly kind: 'request' | 'notification' | 'answer' | 'unreadable'
  readonly id?: RequestId | null
  /** The progress token or subscription id a notification carries. */
  readonly token?: Json
}

export interface StdioUpstreamOptions {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  /** Secrets among `env`, in every spelling that an answer must not echo. */
  readonly secrets: readonly string[]
  readonly command: string
  readonly args: readonly string[]
  /** The child's whole environment beside PATH and HOME. */
  readonly env: { readonly [name: string]: string }
  readonly cwd?: string
  readonly maxAnswer: number
  readonly maxChildren: number
  readonly maxChildrenPerOwner: number
  readonly print: (value: Json) => string
  readonly readAddress: (line: Uint8Array) => LineAddress
  readonly redactText: (text: string) => string
  readonly logger: Logger
}

interface Waiting {
  readonly queue: Queue<Arrival>
  readonly tokens: ReadonlySet<Json>
}

interface Slot {
  readonly owner: string
  lastUsed: number
  isLeaving: boolean
  readonly isIdle: () => boolean
  /** Its session forgets it, and starts another when it is used again. */
  readonly forget: () => void
}

// Between a greeting and the first call nothing is open for a moment: only a child that is idle for longer may be stopped.
const idleAfter = 1000
const restartWindow = 60_000
const maxRestarts = 5

/** A server run as a child process, one per client session (MCP 2026-07-28 and 2025-11-25, basic/transports/stdio). */
export function createStdioUpstream(options: StdioUpstreamOptions): Upstream {
  const children = new Map<Child, Slot>()

  const open = ({ owner }: { owner: string }): UpstreamLink => {
    const waiting = new Map<RequestId, Waiting>()
    let unasked: Queue<Arrival> | undefined
    let backlog: Arrival[] = []
    let generation = 0
    let closed = false
    let child: Child | undefined
    const starts: number[] = []

    const deliver = (line: Uint8Array) => {
      const arrival = { data: line }
      const address = options.readAddress(line)
      if (address.kind === 'answer' && address.id !== null && address.id !== undefined) {
        const asked = waiting.get(address.id)
        if (asked !== undefined) {
          asked.queue.push(arrival)
          asked.queue.end()
          waiting.delete(address.id)
          return
        }
      }
      const owned = [...waiting.values()].filter(({ tokens }) => address.token !== undefined && tokens.has(address.token))[0]
      const latest = [...waiting.values()].at(-1)
      const sink = owned?.queue ?? unasked ?? latest?.queue
      if (sink !== undefined) return sink.push(arrival)
      backlog = [...backlog.slice(-99), arrival]
    }
    const lost = (gone: Child, detail: string) => {
      if (child !== gone) return
      child = undefined
      const fault = new GatewayError('upstream_broken', { detail })
      for (const { queue } of waiting.values()) queue.fail(fault)
      waiting.clear()
      unasked?.end()
      unasked = undefined
    }
    const running = (): Child => {
      if (closed) throw new GatewayError('upstream_unreachable', { detail: 'the session is closed' })
      const now = performance.now()
      if (child !== undefined) return touch(child, now)
      if (starts.filter((at) => now - at < restartWindow).length >= maxRestarts) {
        throw new GatewayError('upstream_unreachable', { detail: `${options.command} stopped ${maxRestarts} times within a minute` })
      }
      makeRoom(owner)
      starts.push(now)
      const started = startChild(options, { line: deliver, gone: (detail) => (children.delete(started), lost(started, detail)) })
      const isIdle = () => waiting.size === 0 && unasked === undefined
      children.set(started, { owner, lastUsed: now, isLeaving: false, isIdle, forget: () => lost(started, 'stopped to make room') })
      child = started
      generation += 1
      return started
    }
    running()

    return {
      saysCancelled: true,
      get generation() {
        if (child === undefined && !closed) running()
        return generation
      },
      async send(evaluated, { signal, ...own }): Promise<Reply> {
        const { id, progressToken } = own
        const target = running()
        const { message } = evaluated
        const line = options.print(outgoingEnvelope(message, own))
        if (message.kind !== 'request' || id === undefined) {
          await target.write(line)
          return { kind: 'accepted' }
        }
        const queue = createQueue<Arrival>()
        waiting.set(id, { queue, tokens: new Set<Json>(progressToken === undefined ? [id as Json] : [progressToken, id as Json]) })
        signal.addEventListener('abort', () => (waiting.delete(id), queue.end()), { once: true })
        await target.write(line).catch((cause: unknown) => {
          waiting.delete(id)
          throw new GatewayError('upstream_broken', { cause })
        })
        return { kind: 'stream', streams: false, arrivals: queue.items }
      },
      async listen({ signal }): Promise<Reply> {
        running()
        const queue = createQueue<Arrival>()
        for (const arrival of backlog.splice(0)) queue.push(arrival)
        unasked?.end()
        unasked = queue
        signal.addEventListener(
          'abort',
          () => {
            queue.end()
            if (unasked === queue) unasked = undefined
          },
          { once: true },
        )
        return { kind: 'stream', streams: true, arrivals: queue.items }
      },
      async close() {
        closed = true
        const last = child
        if (last === undefined) return
        lost(last, 'the session was closed')
        await last.stop()
      },
    }
  }

  const touch = (child: Child, now: number): Child => {
    const slot = children.get(child)
    if (slot !== undefined) slot.lastUsed = now
    return child
  }
  // Most clients leave without a DELETE, and their children stay: the one idle for longest goes, and starts again if its session is used.
  const makeRoom = (owner: string) => {
    const all = [...children].filter(([, slot]) => !slot.isLeaving)
    const own = all.filter(([, slot]) => slot.owner === owner)
    if (own.length >= options.maxChildrenPerOwner && !stopIdlest(own)) throw new GatewayError('capacity', { detail: `${own.length} processes of ${options.name} are busy for this caller` })
    if (all.length >= options.maxChildren && !stopIdlest(all)) throw new GatewayError('capacity', { detail: `${all.length} processes of ${options.name} are busy` })
  }
  const stopIdlest = (among: readonly (readonly [Child, Slot])[]): boolean => {
    const now = performance.now()
    const [idlest] = among.filter(([, slot]) => slot.isIdle() && now - slot.lastUsed > idleAfter).sort(([, one], [, other]) => one.lastUsed - other.lastUsed)
    if (idlest === undefined) return false
    const [child, slot] = idlest
    slot.isLeaving = true
    slot.forget()
    void child.stop()
    return true
  }

  return {
    name: options.name,
    labels: options.labels,
    secrets: options.secrets,
    open,
    async close() {
      await Promise.all([...children.keys()].map((child) => child.stop()))
    },
  }
}

interface Child {
  write(line: string): Promise<void>
  /** Closes stdin, waits, then SIGTERM, then SIGKILL (basic/lifecycle, "Shutdown", stdio). */
  stop(): Promise<void>
}

function startChild(options: StdioUpstreamOptions, on: { line: (line: Uint8Array) => void; gone: (detail: string) => void }): Child {
  const { PATH, HOME } = process.env
  const env = { ...(PATH === undefined ? {} : { PATH }), ...(HOME === undefined ? {} : { HOME }), ...options.env }
  const child: ChildProcessWithoutNullStreams = spawn(options.command, [...options.args], {
    env,
    stdio: 'pipe',
    shell: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const exited = new Promise<void>((resolve) => {
    const gone = (detail: string) => {
      on.gone(detail)
      resolve()
    }
    child.once('error', (error) => gone(`${options.command} could not be started: ${error.message}`))
    child.once('exit', (code, signal) => gone(`${options.command} stopped (${signal ?? code})`))
  })
  child.stdin.on('error', () => undefined) // the exit that follows tells it
  readLines(child.stdout, options.maxAnswer, on.line, () => child.kill('SIGKILL'))
  readLines(child.stderr, 64 * 1024, (line) => {
    options.logger.info('upstream stderr', { upstream: options.name, line: options.redactText(Buffer.from(line).toString('utf8').slice(0, 2000)) })
  })

  return {
    write: (line) =>
      new Promise((resolve, reject) => {
        child.stdin.write(`${line}\n`, (error) => (error ? reject(error) : resolve()))
      }),
    async stop() {
      child.stdin.end()
      const terminate = setTimeout(() => child.kill('SIGTERM'), 1000)
      const kill = setTimeout(() => child.kill('SIGKILL'), 3000)
      await exited
      clearTimeout(terminate)
      clearTimeout(kill)
    },
  }
}

/** Splits at LF. A line over the limit cannot be skipped safely on a shared channel: `overflow` ends the child, or the line is cut. */
function readLines(stream: NodeJS.ReadableStream, limit: number, each: (line: Uint8Array) => void, overflow?: () => void): void {
  let parts: Buffer[] = []
  let size = 0
  stream.on('data', (chunk: Buffer) => {
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      const line = parts.length === 0 ? chunk.subarray(from, at) : Buffer.concat([...parts, chunk.subarray(from, at)])
      parts = []
      size = 0
      from = at + 1
      const end = line.at(-1) === 13 ? line.length - 1 : line.length
      if (end > 0) each(line.subarray(0, end))
    }
    if (from === chunk.length) return
    parts.push(chunk.subarray(from))
    size += chunk.length - from
    if (size <= limit) return
    parts = []
    size = 0
    overflow?.()
  })
}
