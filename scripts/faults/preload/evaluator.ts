// Loaded into a gateway before its own code: its evaluator fails as the file SALLYPORT_FAULT says, at that moment, on every thread.
import { readFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import threads from 'node:worker_threads'

export interface EvaluatorFault {
  /** Where: what goes to the server, what comes back, or only what is asked before a decision is recalled. */
  readonly on: 'to_server' | 'to_client' | 'sets'
  /** A text to answer with, or what happens in its place. */
  readonly answer?: string
  readonly happens?: 'trap' | 'out of memory' | 'text thrown' | 'object thrown' | 'no end' | 'thread ends'
}

interface Exports {
  readonly opa_eval: (...args: number[]) => number
  readonly opa_malloc: (size: number) => number
}
const file = process.env['SALLYPORT_FAULT'] ?? ''

const happenings: Readonly<Record<NonNullable<EvaluatorFault['happens']>, () => never>> = {
  trap: () => { throw new WebAssembly.RuntimeError('unreachable') },
  'out of memory': () => { throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded') },
  // What opa-wasm throws is a text or an object, and no Error.
  'text thrown': () => { throw 'conflict' },
  'object thrown': () => { throw { builtin: 'http.send' } },
  'no end': () => { for (;;); },
  'thread ends': () => process.exit(1),
}

/** The last argument of `opa_eval`, by which only what is asked before a decision is recalled is printed. */
const inRegoNotation = 1

function faultFor(memory: WebAssembly.Memory, address: number, length: number, format: number): EvaluatorFault | undefined {
  const fault = JSON.parse(readFileSync(file, 'utf8')) as EvaluatorFault | null
  if (fault === null) return undefined
  if (fault.on === 'sets') return format === inRegoNotation ? fault : undefined
  const input = Buffer.from(memory.buffer, address, length).toString('utf8')
  return input.includes(`"direction":"${fault.on}"`) ? fault : undefined
}

const Real = WebAssembly.Instance
WebAssembly.Instance = new Proxy(Real, {
  construct(target, [module, imports]: [WebAssembly.Module, { env?: { memory?: WebAssembly.Memory } }]) {
    const real = new target(module, imports as WebAssembly.Imports)
    const memory = imports?.env?.memory
    const own = real.exports as unknown as Exports
    if (memory === undefined || typeof own.opa_eval !== 'function') return real
    const opa_eval = (...args: number[]): number => {
      const fault = faultFor(memory, args[3] ?? 0, args[4] ?? 0, args[6] ?? 0)
      if (fault === undefined) return own.opa_eval(...args)
      if (fault.happens !== undefined) return happenings[fault.happens]()
      own.opa_eval(...args)
      const text = Buffer.from(`${fault.answer ?? ''}\0`)
      const at = own.opa_malloc(text.length)
      new Uint8Array(memory.buffer, at, text.length).set(text)
      return at
    }
    return { exports: { ...real.exports, opa_eval } }
  },
})

// Threads are told to load this too: they get no environment of their own.
const RealWorker = threads.Worker
threads.Worker = new Proxy(RealWorker, {
  construct: (target, [program, options]: [URL, threads.WorkerOptions]) =>
    new target(program, { ...options, env: { ...(typeof options.env === 'object' ? options.env : {}), SALLYPORT_FAULT: file }, execArgv: ['--no-warnings', '--import', import.meta.url] }),
})
syncBuiltinESMExports()
