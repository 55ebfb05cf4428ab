import type { Worker } from 'node:worker_threads'
import type { Call, Reply } from './opa-worker.ts'

interface Waiting {
  readonly request: string
  readonly resolve: (answer: string) => void
  readonly reject: (fault: Error) => void
}
export interface Calls {
  ask(request: string): Promise<string>
  close(): Promise<void>
}

/** One call at a time on one thread, which is started when needed, ended when idle, and replaced when a call takes too long. */
export const createCalls = (options: { readonly start: (compiled: WebAssembly.Module | undefined) => Worker; readonly timeout: number; readonly idle: number }): Calls => {
  const queue: Waiting[] = []
  let worker: Worker | undefined
  let current: Waiting | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let compiled: WebAssembly.Module | undefined
  let serial = 0

  const drop = (): Promise<number> | undefined => {
    const dropped = worker
    worker = undefined
    return dropped?.terminate()
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
    settle((waiting) => waiting.reject(new Error(message)))
  }
  const started = (): Worker => {
    const fresh = options.start(compiled)
    fresh.unref()
    fresh.on('message', (reply: Reply) => {
      if ('compiled' in reply) {
        compiled = reply.compiled
        return
      }
      if (fresh !== worker || reply.id !== serial) return
      settle((waiting) => ('fault' in reply ? waiting.reject(new Error(reply.fault)) : waiting.resolve(reply.answer)))
    })
    fresh.on('error', (fault: Error) => fresh === worker && fail(fault.message))
    fresh.on('exit', () => fresh === worker && fail("OPA's thread ended"))
    return fresh
  }
  const next = (): void => {
    if (current) return
    current = queue.shift()
    if (!current) {
      worker?.unref()
      timer = setTimeout(() => void drop(), options.idle).unref()
      return
    }
    clearTimeout(timer)
    worker ??= started()
    worker.ref()
    serial += 1
    timer = setTimeout(() => fail(`OPA's library took longer than ${options.timeout} ms`), options.timeout)
    worker.postMessage({ id: serial, request: current.request } satisfies Call)
  }

  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (closed) return reject(new Error("OPA's library is closed"))
        queue.push({ request, resolve, reject })
        next()
      }),
    close: async () => {
      closed = true
      clearTimeout(timer)
      for (const waiting of [...(current ? [current] : []), ...queue.splice(0)]) waiting.reject(new Error("OPA's library is closed"))
      current = undefined
      await drop()
    },
  }
}
