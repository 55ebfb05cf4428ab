// The process in which OPA's library runs: one request in, one answer out, a fresh instance each time. Its compiled code takes
// some 200 MB, which only the end of a process gives back.
import '../repaired-json.ts'
import { readFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { WASI } from 'node:wasi'
import { brotliDecompressSync } from 'node:zlib'
import { messageOf } from '../errors.ts'
import type { JsonObject } from '../model.ts'
import { known } from './lint/known.ts'
import { createLint } from './lint/lint.ts'
import type { Modules, OpaTest, Syntax } from './opa.ts'

export interface Call {
  readonly id: number
  readonly request: string
}
export interface TestPlace {
  readonly file: string
  readonly row: number
  /** With its package. */
  readonly name: string
}
export type Reply =
  /** Not an answer yet: which test is run now. */
  | { readonly id: number; readonly at: TestPlace }
  | { readonly id: number; readonly answer: string }
  | { readonly id: number; readonly fault: string }

const EBADF = 8
const CHARACTER_DEVICE = 2
const compiled = new WebAssembly.Module(brotliDecompressSync(readFileSync(new URL('./opa/opa.wasm.br', import.meta.url))))

/** The program sees three streams, no directory, no environment and no argument. */
const run = (request: string, begun: (at: TestPlace) => void): string => {
  const input = Buffer.from(request)
  const output: Buffer[] = []
  const errors: Buffer[] = []
  let read = 0
  let memory: WebAssembly.Memory | undefined
  const wasi = new WASI({ version: 'preview1', args: ['opa'], env: {}, returnOnExit: true })

  /** Calls `take` with each buffer of an iovec array and adds up what was moved (WASI preview 1, fd_read and fd_write). */
  const move = (vectors: number, count: number, moved: number, take: (place: Buffer) => number): number => {
    const bytes = memory?.buffer ?? new ArrayBuffer(0)
    const view = new DataView(bytes)
    let total = 0
    for (let at = vectors; at < vectors + 8 * count; at += 8) {
      total += take(Buffer.from(bytes, view.getUint32(at, true), view.getUint32(at + 4, true)))
    }
    view.setUint32(moved, total, true)
    return 0
  }
  const fd_read = (fd: number, vectors: number, count: number, moved: number): number => {
    if (fd !== 0) return EBADF
    return move(vectors, count, moved, (place) => {
      const copied = input.copy(place, 0, read)
      read += copied
      return copied
    })
  }
  const fd_write = (fd: number, vectors: number, count: number, moved: number): number => {
    const sink = fd === 1 ? output : fd === 2 ? errors : undefined
    if (!sink) return EBADF
    return move(vectors, count, moved, (place) => {
      const written = Buffer.from(place)
      sink.push(written)
      if (fd === 2) tellOf(written, begun)
      return place.length
    })
  }
  /** Every stream is a character device without flags, whatever this process has there. */
  const fd_fdstat_get = (fd: number, place: number): number => {
    if (fd > 2) return EBADF
    new Uint8Array(memory?.buffer ?? new ArrayBuffer(0), place, 24).fill(0).set([CHARACTER_DEVICE])
    return 0
  }
  const fd_fdstat_set_flags = (): number => 0
  const streams = { fd_read, fd_write, fd_fdstat_get, fd_fdstat_set_flags, fd_close: () => 0 }
  const instance = new WebAssembly.Instance(compiled, { wasi_snapshot_preview1: { ...wasi.wasiImport, ...streams } })
  memory = instance.exports['memory'] as WebAssembly.Memory
  const code = wasi.start(instance)
  if (code !== 0 && errors.some((part) => part.includes('out of memory'))) throw new Error("OPA's library needs more memory for this source than it is given")
  if (code !== 0) throw new Error(`OPA's library ended with ${code}: ${Buffer.concat(errors).toString().slice(0, 2000)}`)
  return Buffer.concat(output).toString()
}

/** What `watch.go` writes before each test. */
const tellOf = (written: Buffer, begun: (at: TestPlace) => void): void => {
  const [, file, row, name] = /^at (.+) (\d+) (.+)\n$/.exec(written.toString()) ?? []
  if (file !== undefined && name !== undefined) begun({ file, row: Number(row), name })
}

interface Reviewed {
  readonly result?: { readonly stages: readonly { readonly name: string; readonly ms: number; readonly ok: boolean }[]; readonly syntax?: Syntax }
}
interface HostTests {
  readonly command: 'host_tests'
  readonly wasm: string
  /** Printed JSON. */
  readonly data: string
  readonly tests: readonly OpaTest[]
}
const testInHost = async ({ wasm, data, tests }: HostTests, begun: (at: TestPlace) => void): Promise<string> => {
  const { runHostTests } = await import('./host-tests.ts')
  return JSON.stringify({ result: await runHostTests(Buffer.from(wasm, 'base64'), data, tests, begun) })
}

interface Request {
  readonly command: string
  readonly review?: boolean
  /** The trees themselves, and not what lint finds in them. */
  readonly wants_syntax?: boolean
  readonly modules: Modules
  readonly data?: JsonObject
  readonly semantics: { readonly detectors: readonly string[] }
}
const isOfHost = (asked: Request | HostTests): asked is HostTests => asked.command === 'host_tests'
const lint = createLint()

/** The trees are large and stay here; what lint finds in them goes out instead. */
const review = async (text: string, { modules, data = {}, semantics }: Request): Promise<string> => {
  const { result, ...rest } = JSON.parse(text) as Reviewed
  // A source may have no module of its own: it has been looked at then, too.
  if (result === undefined || !result.stages.some(({ name }) => name === 'fmt')) return text
  const { syntax = {}, stages, ...more } = result
  const began = performance.now()
  const findings = await lint.look(syntax, { data, known: known(modules, semantics.detectors) })
  const ms = Math.round(performance.now() - began)
  const ok = findings.every(({ level }) => level !== 'error')
  return JSON.stringify({ ...rest, result: { ...more, findings, stages: stages.map((stage) => (stage.name === 'lint' ? { ...stage, ms: stage.ms + ms, ok } : stage)) } })
}

const answer = async ({ id, request }: Call): Promise<Reply> => {
  try {
    const asked = JSON.parse(request) as Request | HostTests
    const begun = (at: TestPlace): void => void process.send?.({ id, at } satisfies Reply)
    if (isOfHost(asked)) return { id, answer: await testInHost(asked, begun) }
    const text = run(request, begun)
    return { id, answer: asked.review && !asked.wants_syntax ? await review(text, asked) : text }
  } catch (fault) {
    return { id, fault: messageOf(fault) }
  }
}

// Who asked may be gone before there is an answer.
process.on('error', () => process.exit())

process.on('message', async (call: Call) => {
  process.send?.(await answer(call))
  flushCompileCache() // this process is not ended in a way in which Node would do so
})
