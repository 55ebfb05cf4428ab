import { GatewayError } from '../errors.ts'
import type { Json, Logger, Message, RequestId } from '../model.ts'
import { startChild, type Child } from './child.ts'
import { createFlow, createQueue, type Flow, type Queue } from './queue.ts'
import type { Arrival, OwnIds, Reply, Upstream, UpstreamLink } from './upstream.ts'

/** What of an unjudged line is needed to know whose it is. */
export interface LineAddress {
  readonly kind: 'request' | 'notification' | 'answer' | 'unreadable'
  readonly id?: RequestId | null
  /** The progress token, subscription id or request id that a notification carries. */
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
  /** Milliseconds until the first line about a request. */
  readonly answerTimeout: number
  readonly print: (message: Message, own: OwnIds) => string
  readonly readAddress: (line: Uint8Array) => LineAddress
  /** For log lines: without secrets and what detectors find. */
  readonly redactText: (text: string) => string
  readonly logger: Logger
}

interface Waiting {
  readonly queue: Queue<Arrival>
  readonly tokens: ReadonlySet<Json>
  readonly silence: NodeJS.Timeout
}
/** One child from its start to its last line, with what it was asked. */
interface Run {
  readonly child: Child
  readonly waiting: Map<RequestId, Waiting>
  readonly flow: Flow
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
/** Bytes of a child's output that no reader has taken yet: past the first it is paused. */
const unread = { high: 1024 * 1024, low: 256 * 1024 }
/** What a child says while nobody listens, in lines and in bytes. */
const backlogLimit = { lines: 100, bytes: 1024 * 1024 }

/** A server run as a child process, one per client session (MCP 2026-07-28 and 2025-11-25, basic/transports/stdio). */
export function createStdioUpstream(options: StdioUpstreamOptions): Upstream {
  const children = new Map<Child, Slot>()

  const open = ({ owner }: { owner: string }): UpstreamLink => {
    let unasked: Queue<Arrival> | undefined
    let backlog: Arrival[] = []
    let generation = 0
    let closed = false
    let run: Run | undefined
    let starts: number[] = []

    const deliver = (from: Run, line: Uint8Array) => {
      const address = options.readAddress(line)
      // Many programs print a banner; it is no message, and harms none.
      if (address.kind === 'unreadable') return options.logger.warn('a server printed what is no message', { upstream: options.name, bytes: line.length })
      const push = (queue: Queue<Arrival>) => queue.push({ data: line }, line.length, from.flow)
      const asked = address.kind === 'answer' && address.id !== null && address.id !== undefined ? from.waiting.get(address.id) : undefined
      if (asked !== undefined && address.id !== null && address.id !== undefined) {
        push(asked.queue)
        asked.queue.end()
        return release(from, address.id)
      }
      const owned = address.token === undefined ? undefined : [...from.waiting.values()].find(({ tokens }) => tokens.has(address.token as Json))
      if (owned !== undefined) clearTimeout(owned.silence)
      const queue = owned?.queue ?? unasked ?? [...from.waiting.values()].at(-1)?.queue
      if (queue !== undefined) return push(queue)
      backlog.push({ data: line })
      let bytes = backlog.reduce((sum, { data }) => sum + data.length, 0)
      while (backlog.length > backlogLimit.lines || bytes > backlogLimit.bytes) bytes -= backlog.shift()?.data.length ?? 0
    }
    const release = (from: Run, id: RequestId) => {
      clearTimeout(from.waiting.get(id)?.silence)
      from.waiting.delete(id)
    }
    /** The next use starts another child; this one may still have something to say. */
    const detach = (gone: Run) => {
      if (run !== gone) return
      run = undefined
      unasked?.end()
      unasked = undefined
    }
    const fail = (gone: Run, code: 'upstream_broken' | 'upstream_timeout', detail: string) => {
      for (const [id, { queue }] of gone.waiting) {
        queue.fail(new GatewayError(code, { detail }))
        release(gone, id)
      }
    }
    const running = (): Run => {
      if (closed) throw new GatewayError('upstream_unreachable', { detail: 'the session is closed' })
      const now = performance.now()
      if (run !== undefined) return touch(run.child, now), run
      starts = starts.filter((at) => now - at < restartWindow)
      if (starts.length >= maxRestarts) throw new GatewayError('upstream_unreachable', { detail: `${options.command} stopped ${maxRestarts} times within a minute` })
      makeRoom(owner)
      starts.push(now)
      let why = 'its output ended'
      const child: Child = startChild({ ...options, maxLine: options.maxAnswer }, {
        line: (line) => deliver(started, line),
        complaint: (line) => options.logger.info('upstream stderr', { upstream: options.name, line: options.redactText(Buffer.from(line).toString('utf8').slice(0, 2000)) }),
        gone(detail) {
          why = detail
          children.delete(child)
          detach(started)
        },
        drained: () => (detach(started), fail(started, 'upstream_broken', why)),
      })
      const started: Run = { child, waiting: new Map(), flow: createFlow(child, unread) }
      const isIdle = () => started.waiting.size === 0 && unasked === undefined
      children.set(child, { owner, lastUsed: now, isLeaving: false, isIdle, forget: () => detach(started) })
      run = started
      generation += 1
      return started
    }
    running()

    return {
      saysCancelled: true,
      hasSession: false,
      get generation() {
        if (run === undefined && !closed) running()
        return generation
      },
      async send(evaluated, { signal, ...own }): Promise<Reply> {
        if (signal.aborted) throw new GatewayError('upstream_unreachable', { detail: 'aborted before it was sent' })
        const { id, progressToken } = own
        const target = running()
        const { message } = evaluated
        const line = options.print(message, own)
        const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        if (message.kind !== 'request' || id === undefined) {
          await Promise.race([target.child.write(line), aborted])
          return { kind: 'accepted' }
        }
        const queue = createQueue<Arrival>()
        const end = (finish: () => void) => {
          release(target, id)
          finish()
        }
        const silence = setTimeout(() => end(() => queue.fail(new GatewayError('upstream_timeout', { detail: 'the child did not answer' }))), options.answerTimeout).unref()
        target.waiting.set(id, { queue, silence, tokens: new Set<Json>(progressToken === undefined ? [id as Json] : [progressToken, id as Json]) })
        void aborted.then(() => end(queue.close))
        target.child.write(line).catch((error: Error) => end(() => queue.fail(error)))
        return { kind: 'stream', streams: false, arrivals: queue.items }
      },
      async listen({ signal }): Promise<Reply> {
        const { flow } = running()
        const queue = createQueue<Arrival>()
        for (const arrival of backlog.splice(0)) queue.push(arrival, arrival.data.length, flow)
        unasked?.end()
        unasked = queue
        const leave = () => {
          queue.close()
          if (unasked === queue) unasked = undefined
        }
        if (signal.aborted) leave()
        else signal.addEventListener('abort', leave, { once: true })
        return { kind: 'stream', streams: true, arrivals: queue.items }
      },
      async close() {
        closed = true
        const last = run
        if (last === undefined) return
        detach(last)
        fail(last, 'upstream_broken', 'the session was closed')
        await last.child.stop()
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
