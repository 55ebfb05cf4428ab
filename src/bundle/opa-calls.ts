import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { OpaFault } from './opa-fault.ts'
import type { Call, Reply, TestPlace } from './opa-worker.ts'

interface Waiting {
  readonly request: string
  readonly within: number
  readonly resolve: (answer: string) => void
  readonly reject: (fault: Error) => void
}
export interface Calls {
  /** Rejects with an `OpaFault` only. `within` is in milliseconds, where that is to be less than usual. */
  ask(request: string, within?: number): Promise<string>
  close(): Promise<void>
}

export interface CallOptions {
  readonly start: () => ChildProcess
  readonly timeout: number
  readonly idle: number
}

/** As many calls at once as there are lanes; one that is not needed has no process. */
export const createLanes = (count: number, options: CallOptions): Calls => {
  const lanes = Array.from({ length: count }, () => ({ calls: createCalls(options), waiting: 0 }))
  return {
    ask: async (request, within) => {
      const lane = lanes.reduce((least, one) => (one.waiting < least.waiting ? one : least))
      lane.waiting += 1
      try {
        return await lane.calls.ask(request, within)
      } finally {
        lane.waiting -= 1
      }
    },
    close: async () => void (await Promise.all(lanes.map(({ calls }) => calls.close()))),
  }
}

const gone = (): OpaFault => new OpaFault("OPA's library is closed", { isClosed: true })

/** One call at a time in one process, which is started when needed, ended when idle, and replaced when a call takes too long. */
const createCalls = (options: CallOptions): Calls => {
  const queue: Waiting[] = []
  let worker: ChildProcess | undefined
  let current: Waiting | undefined
  let at: TestPlace | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let serial = 0

  const drop = async (): Promise<void> => {
    const dropped = worker
    worker = undefined
    if (dropped === undefined || dropped.exitCode !== null || dropped.signalCode !== null) return
    dropped.ref() // whoever waits for its end must live to see it
    const ended = once(dropped, 'exit')
    dropped.kill('SIGKILL') // it holds nothing that could be lost
    await ended
  }
  /** Only a process that works keeps the gateway's own alive. */
  const hold = (child: ChildProcess, works: boolean): void => {
    const channel = child.channel
    if (works) {
      child.ref()
      channel?.ref()
    } else {
      child.unref()
      channel?.unref()
    }
  }
  const settle = (how: (waiting: Waiting) => void): void => {
    clearTimeout(timer)
    const settled = current
    current = undefined
    if (settled) how(settled)
    next()
  }
  const fail = (message: string): void => {
    void drop()
    settle((waiting) => waiting.reject(new OpaFault(message, { at })))
  }
  const started = (): ChildProcess => {
    const fresh = options.start()
    fresh.on('message', (reply: Reply) => {
      if (fresh !== worker || reply.id !== serial) return
      if ('at' in reply) at = reply.at
      else settle((waiting) => ('fault' in reply ? waiting.reject(new OpaFault(reply.fault, { at })) : waiting.resolve(reply.answer)))
    })
    fresh.on('error', (fault: Error) => fresh === worker && fail(fault.message))
    fresh.on('exit', () => fresh === worker && fail("OPA's process ended"))
    return fresh
  }
  const next = (): void => {
    if (current) return
    current = queue.shift()
    if (!current) {
      if (worker) hold(worker, false)
      timer = setTimeout(() => void drop(), options.idle).unref()
      return
    }
    clearTimeout(timer)
    worker ??= started()
    hold(worker, true)
    serial += 1
    at = undefined
    const { within } = current
    timer = setTimeout(() => fail(`OPA's library took longer than ${within} ms: a test or a rule of this source hardly ends, or the machine is too busy`), within)
    // One that could not be started has no channel; its error follows.
    if (worker.connected) worker.send({ id: serial, request: current.request } satisfies Call)
  }

  return {
    ask: (request, within = options.timeout) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(gone())
        queue.push({ request, within: Math.min(within, options.timeout), resolve, reject })
        next()
      }),
    close: async () => {
      closed = true
      clearTimeout(timer)
      for (const waiting of [...(current ? [current] : []), ...queue.splice(0)]) waiting.reject(gone())
      current = undefined
      await drop()
    },
  }
}
