import { GatewayError } from '../errors.ts'
import type { Logger, Message } from '../model.ts'
import { startChild, type Child } from './child.ts'
import { createFlow } from './queue.ts'
import { createSwitchboard, type ReadAddress, type Switchboard } from './switchboard.ts'
import type { OwnIds, Reply, Sent, Upstream, UpstreamLink } from './upstream.ts'

export interface StdioUpstreamOptions {
  readonly name: string
  readonly labels: { readonly [label: string]: string }
  /** Secrets among `env`, as they are now, which no answer may echo. */
  readonly secrets: () => readonly string[]
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment, beside PATH and HOME, of a child that starts now. */
  readonly env: () => { readonly [name: string]: string }
  readonly cwd?: string
  readonly maxAnswer: number
  readonly maxChildren: number
  readonly maxChildrenPerOwner: number
  /** Milliseconds until the first line about a request. */
  readonly answerTimeout: number
  readonly print: (message: Message, own: OwnIds) => string
  readonly readAddress: ReadAddress
  /** For log lines: without secrets and what detectors find. */
  readonly redactText: (text: string) => string
  readonly logger: Logger
}

/** One child from its start to its last line, with what it was asked. */
interface Run {
  readonly child: Child
  readonly board: Switchboard
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

/** A server run as a child process, one per client session (MCP 2026-07-28 and 2025-11-25, basic/transports/stdio). */
export function createStdioUpstream(options: StdioUpstreamOptions): Upstream {
  const children = new Map<Child, Slot>()

  const open = ({ owner }: { owner: string }): UpstreamLink => {
    let generation = 0
    let closed = false
    let run: Run | undefined
    let starts: number[] = []

    /** The next use starts another child; this one may still have something to say. */
    const detach = (gone: Run) => {
      if (run !== gone) return
      run = undefined
      gone.board.endListening()
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
      const child: Child = startChild({ ...options, env: options.env(), maxLine: options.maxAnswer }, {
        line: (line) => started.board.deliver(line),
        complaint: (line) => options.logger.info('upstream stderr', { upstream: options.name, line: options.redactText(Buffer.from(line).toString('utf8').slice(0, 2000)) }),
        gone(detail) {
          why = detail
          children.delete(child)
          detach(started)
        },
        drained: () => (detach(started), started.board.fail('upstream_broken', why)),
      })
      const board = createSwitchboard({
        readAddress: options.readAddress, answerTimeout: options.answerTimeout, flow: createFlow(child, unread),
        // Many programs print a banner; it is no message, and harms none.
        unreadable: (line) => options.logger.warn('a server printed what is no message', { upstream: options.name, bytes: line.length }),
      })
      const started: Run = { child, board }
      children.set(child, { owner, lastUsed: now, isLeaving: false, isIdle: () => board.isIdle, forget: () => detach(started) })
      run = started
      generation += 1
      return started
    }
    running()

    return {
      saysCancelled: true,
      hasSession: false,
      get secrets() {
        return options.secrets()
      },
      get generation() {
        if (run === undefined && !closed) running()
        return generation
      },
      async send(evaluated, { signal, isCurrent, ...own }): Promise<Sent> {
        if (signal.aborted) throw new GatewayError('upstream_unreachable', { detail: 'aborted before it was sent' })
        const { id, progressToken } = own
        const target = running()
        const { message } = evaluated
        const line = options.print(message, own)
        // Whoever does not wait any more sends nothing: of a line that has not begun, nothing is lost.
        const { begun, written } = target.child.write(line, () => !signal.aborted && isCurrent())
        if (message.kind !== 'request' || id === undefined) {
          const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
          return { kind: (await Promise.race([written, aborted])) === false ? 'outdated' : 'accepted' }
        }
        const expected = target.board.expect({ id, progressToken, signal })
        written.catch(expected.fail)
        if ((await Promise.race([begun, expected.touched])) === false) {
          expected.fail(new GatewayError('upstream_unreachable', { detail: 'it was not sent' }))
          return { kind: 'outdated' }
        }
        return { kind: 'stream', streams: false, arrivals: expected.items }
      },
      listen: async ({ signal }): Promise<Reply> => ({ kind: 'stream', streams: true, arrivals: running().board.listen(signal) }),
      async close() {
        closed = true
        const last = run
        if (last === undefined) return
        detach(last)
        last.board.fail('upstream_broken', 'the session was closed')
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
    open,
    async close() {
      await Promise.all([...children.keys()].map((child) => child.stop()))
    },
  }
}
