import { GatewayError } from '../errors.ts'
import type { Logger, Message } from '../model.ts'
import { startChild, type Child, type FollowChild } from './child.ts'
import { createChildren, type ChildLimits, type Children } from './children.ts'
import { createComplaints } from './complaints.ts'
import { createTally } from './noise.ts'
import { createFlow } from './queue.ts'
import { createStarts } from './starts.ts'
import { createSwitchboard, type ReadAddress, type Switchboard } from './switchboard.ts'
import type { OwnIds, Reply, Sent, Upstream, UpstreamLink } from './upstream.ts'

export interface StdioUpstreamOptions extends ChildLimits {
  readonly labels: { readonly [label: string]: string }
  /** Secrets among `env`, as they are now, which no answer may echo. */
  readonly secrets: () => readonly string[]
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment, beside PATH and HOME, of a child that starts now. */
  readonly env: () => { readonly [name: string]: string }
  readonly cwd?: string
  readonly maxAnswer: number
  /** Milliseconds until the first line about a request. */
  readonly answerTimeout: number
  readonly print: (message: Message, own: OwnIds) => string
  readonly readAddress: ReadAddress
  /** For log lines: without secrets and what detectors find. */
  readonly redactText: (text: string) => string
  readonly logger: Logger
  readonly follow?: FollowChild | undefined
}

/** One child from its start to its last line, with what it was asked. */
interface Run {
  readonly child: Child
  readonly board: Switchboard
}

/** Bytes of a child's output that no reader has taken yet: past the first it is paused. */
const unread = { high: 1024 * 1024, low: 256 * 1024 }

/** A server run as a child process, one per client session (MCP 2026-07-28 and 2025-11-25, basic/transports/stdio). */
export function createStdioUpstream(options: StdioUpstreamOptions): Upstream {
  const children = createChildren(options)
  return {
    name: options.name,
    labels: options.labels,
    open: ({ owner }) => createLink(options, children, owner),
    close: children.stopAll,
  }
}

function createLink(options: StdioUpstreamOptions, children: Children, owner: string): UpstreamLink {
  const starts = createStarts(`${options.command} stopped`)
  let generation = 0
  let closed = false
  let run: Run | undefined

  /** The next use starts another child; this one may still have something to say. */
  const detach = (gone: Run) => {
    if (run !== gone) return
    run = undefined
    gone.board.endListening()
  }
  const running = (): Run => {
    if (closed) throw new GatewayError('upstream_unreachable', { detail: 'the session is closed' })
    const now = performance.now()
    if (run !== undefined) return children.used(run.child, now), run
    starts.check(now)
    children.makeRoom(owner)
    const started = startRun(options, children, detach)
    starts.count(now)
    children.add(started.child, { owner, isIdle: () => started.board.isIdle, forget: () => detach(started) })
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
      const expected = target.board.expect({ id, progressToken, subscribes: message.method === 'subscriptions/listen', signal })
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

function startRun(options: StdioUpstreamOptions, children: Children, detach: (run: Run) => void): Run {
  let why = 'its output ended'
  const child: Child = startChild({ ...options, env: options.env(), maxLine: options.maxAnswer }, {
    line: (line) => board.deliver(line),
    complaint: createComplaints(options.redactText, (line) => options.logger.info('upstream stderr', { upstream: options.name, line })),
    gone(detail) {
      why = detail
      children.remove(child)
      detach(run)
    },
    drained() {
      detach(run)
      board.fail('upstream_broken', why)
    },
  })
  const board = createSwitchboard({
    readAddress: options.readAddress, answerTimeout: options.answerTimeout, flow: createFlow(child, unread),
    // Many programs print a banner; it is no message, and harms none.
    unreadable: createTally((lines, bytes) => options.logger.warn('a server printed what is no message', { upstream: options.name, lines, bytes })),
  })
  const run: Run = { child, board }
  return run
}
