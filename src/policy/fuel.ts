/**
 * Puts a counter into a module, so that a runaway policy stops by itself: the exported global `fuel` goes down by one at each
 * loop head and at the entry of each function that has a loop or a call, and the module traps below zero. Counts depend on the
 * input alone, never on time. An opcode that is not in the table below is refused, since it could run uncounted.
 */
import { createSink, readByte, readSlice, readU32, signed, skipSigned, u32 } from './module-bytes.ts'
import type { Reader } from './module-bytes.ts'
import { detoursOf, importedFunctions, matchExport, type Detour } from './regex-detour.ts'

export const fuelExport = 'fuel'
/** The module's own mutable globals, counted from 0: together with its memory they are all of its state, since tables cannot be written. */
export const stateExport = (at: number): string => `state ${at}`
/** Enough for `_initialize`; the host sets the global before everything else. */
const fuelAtStart = 1_000_000

const section = { custom: 0, import: 2, memory: 5, global: 6, export: 7, code: 10 } as const
const op = { unreachable: 0x00, loop: 0x03, if: 0x04, end: 0x0b, call: 0x10, callIndirect: 0x11, localGet: 0x20, localTee: 0x22 } as const
const i32 = 0x7f
const i64 = 0x7e
const emptyBlock = 0x40

interface Section {
  readonly id: number
  readonly body: Uint8Array
}

/** The module with its counter; throws when it holds anything that the rewriter does not know. */
export function addFuel(wasm: Uint8Array): Uint8Array {
  const sections = readSections(wasm)
  const global = countGlobals(sections)
  const state = mutableGlobals(sections)
  const detours = detoursOf(sections)
  const out = createSink(Math.ceil(wasm.length * 1.2))
  out.push(wasm.subarray(0, 8))
  let globalsWritten = false
  const write = (id: number, body: Uint8Array): void => {
    out.push([id, ...u32(body.length)])
    out.push(body)
  }
  for (const { id, body } of sections) {
    if (id === section.custom) continue
    // Sections come in order of their id, but for 12 (data count) and 13 (tags), which `readSections` refuses.
    if (!globalsWritten && id >= section.global) {
      globalsWritten = true
      write(section.global, withGlobal(id === section.global ? body : Uint8Array.of(0)))
      if (id === section.global) continue
    }
    if (id === section.export) write(id, withExports(body, [[fuelExport, 3, global], ...state.map((index, at) => [stateExport(at), 3, index] as const), ...(detours.match === undefined ? [] : [[matchExport, 0, detours.match.index] as const])]))
    else if (id === section.code) write(id, withCounters(body, sections, global, detours.all))
    else write(id, body)
  }
  return out.done()
}

function readSections(wasm: Uint8Array): Section[] {
  const from: Reader = { bytes: wasm, at: 0 }
  const head = readSlice(from, 8)
  if (![0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].every((byte, index) => head[index] === byte)) throw new Error('not a WebAssembly module of version 1')
  const sections: Section[] = []
  let last = 0
  while (from.at < wasm.length) {
    const id = readByte(from)
    const body = readSlice(from, readU32(from))
    if (id > 11 || (id !== section.custom && id <= last)) throw new Error(`section ${id} is not expected here`)
    if (id !== section.custom) last = id
    sections.push({ id, body })
  }
  if (!sections.some(({ id }) => id === section.export) || !sections.some(({ id }) => id === section.code)) {
    throw new Error('a module without exports or code')
  }
  return sections
}

/** The index of the new global: after all imported and all own ones, so that no existing index moves. */
function countGlobals(sections: readonly Section[]): number {
  let globals = 0
  for (const { id, body } of sections) {
    const from: Reader = { bytes: body, at: 0 }
    if (id === section.global) globals += readU32(from)
    if (id !== section.import) continue
    for (let left = readU32(from); left > 0; left -= 1) {
      readSlice(from, readU32(from))
      readSlice(from, readU32(from))
      const kind = readByte(from)
      if (kind === 0) readU32(from)
      else if (kind === 1) skipTable(from)
      else if (kind === 2) skipLimits(from)
      else throw new Error('a module that imports something else than functions, tables and memories')
    }
  }
  return globals
}

/** Their indexes; none is imported (`countGlobals`). */
function mutableGlobals(sections: readonly Section[]): number[] {
  const body = sections.find(({ id }) => id === section.global)?.body
  if (body === undefined) return []
  const from: Reader = { bytes: body, at: 0 }
  const found: number[] = []
  const count = readU32(from)
  for (let index = 0; index < count; index += 1) {
    readByte(from)
    if (readByte(from) === 1) found.push(index)
    for (let code = readByte(from); code !== op.end; code = readByte(from)) skipImmediates(code, from)
  }
  return found
}

function skipTable(from: Reader): void {
  readByte(from)
  skipLimits(from)
}

function skipLimits(from: Reader): void {
  const flag = readByte(from)
  if (flag > 1) throw new Error('a memory or table of an unknown kind')
  readU32(from)
  if (flag === 1) readU32(from)
}

function withGlobal(body: Uint8Array): Uint8Array {
  const from: Reader = { bytes: body, at: 0 }
  const count = readU32(from)
  // mutable i64, i64.const, end; a signed LEB128 of a positive number must not end in a set sign bit
  const entry = [i64, 0x01, 0x42, ...signed(fuelAtStart), op.end]
  return Uint8Array.from([...u32(count + 1), ...body.subarray(from.at), ...entry])
}

function withExports(body: Uint8Array, added: readonly (readonly [name: string, kind: number, index: number])[]): Uint8Array {
  const from: Reader = { bytes: body, at: 0 }
  const count = readU32(from)
  const start = from.at
  for (let left = count; left > 0; left -= 1) {
    const name = new TextDecoder().decode(readSlice(from, readU32(from)))
    if (added.some(([own]) => own === name)) throw new Error(`a module that already exports ${name}`)
    readByte(from)
    readU32(from)
  }
  const entries = added.flatMap(([name, kind, index]) => {
    const bytes = new TextEncoder().encode(name)
    return [...u32(bytes.length), ...bytes, kind, ...u32(index)]
  })
  return Uint8Array.from([...u32(count + added.length), ...body.subarray(start), ...entries])
}

function withCounters(body: Uint8Array, sections: readonly Section[], global: number, detours: readonly Detour[]): Uint8Array {
  const parameters = parametersOfFunctions(sections)
  const imported = importedFunctions(sections).length
  const from: Reader = { bytes: body, at: 0 }
  const count = readU32(from)
  const out = createSink(Math.ceil(body.length * 1.2))
  out.push(u32(count))
  for (let index = 0; index < count; index += 1) {
    const code = readSlice(from, readU32(from))
    const rewritten = withCounter(code, parameters[index] ?? 0, global, detours.find((detour) => detour.index === imported + index))
    out.push(u32(rewritten.length))
    out.push(rewritten)
  }
  return out.done()
}

/** How many parameters each own function has: the index of its first local. */
function parametersOfFunctions(sections: readonly Section[]): number[] {
  const types: number[] = []
  const functions: number[] = []
  for (const { id, body } of sections) {
    const from: Reader = { bytes: body, at: 0 }
    if (id === 1) {
      for (let left = readU32(from); left > 0; left -= 1) {
        if (readByte(from) !== 0x60) throw new Error('a type that is not a function')
        const parameters = readU32(from)
        readSlice(from, parameters)
        readSlice(from, readU32(from))
        types.push(parameters)
      }
    }
    if (id === 3) for (let left = readU32(from); left > 0; left -= 1) functions.push(types[readU32(from)] ?? 0)
  }
  return functions
}

function withCounter(code: Uint8Array, parameters: number, global: number, detour: Detour | undefined): Uint8Array {
  const from: Reader = { bytes: code, at: 0 }
  const groups = readU32(from)
  const groupsAt = from.at
  let locals = parameters
  for (let left = groups; left > 0; left -= 1) {
    locals += readU32(from)
    readByte(from)
  }
  const start = from.at
  const { loops, calls } = scan(from)
  if (loops.length === 0 && !calls && detour === undefined) return code

  // One more local, after all others, holds the count between taking and testing it.
  const local = u32(locals)
  const index = u32(global)
  const count = [
    0x23, ...index, 0x42, 0x01, 0x7d, op.localTee, ...local, 0x24, ...index,
    op.localGet, ...local, 0x42, 0x00, 0x53, op.if, emptyBlock, op.unreachable, op.end,
  ]
  const out = createSink(code.length + (loops.length + 1) * count.length + 16)
  out.push(u32(groups + (detour === undefined ? 1 : 2)))
  out.push(code.subarray(groupsAt, start))
  out.push(detour === undefined ? [1, i64] : [1, i64, 1, i32])
  out.push(count)
  if (detour !== undefined) out.push(detour.code(locals + 1))
  let written = start
  for (const head of loops) {
    out.push(code.subarray(written, head))
    out.push(count)
    written = head
  }
  out.push(code.subarray(written))
  return out.done()
}

/** Walks the instructions of one body: where the loops begin, and whether anything is called. */
function scan(from: Reader): { readonly loops: readonly number[]; readonly calls: boolean } {
  const loops: number[] = []
  let calls = false
  while (from.at < from.bytes.length) {
    const code = readByte(from)
    skipImmediates(code, from)
    if (code === op.loop) loops.push(from.at)
    if (code === op.call || code === op.callIndirect) calls = true
  }
  return { loops, calls }
}

/** The instructions of WebAssembly 1.0, sign extension and saturating truncation; bulk memory would copy uncounted. */
function skipImmediates(code: number, from: Reader): void {
  if (code >= 0x02 && code <= op.if) return skipSigned(from, 33)
  if (code <= 0x01 || code === 0x05 || code === op.end || code === 0x0f || code === 0x1a || code === 0x1b) return
  if (code === 0x0c || code === 0x0d || code === op.call || (code >= op.localGet && code <= 0x24)) return void readU32(from)
  if (code === 0x0e) {
    for (let left = readU32(from) + 1; left > 0; left -= 1) readU32(from)
    return
  }
  if (code === op.callIndirect || (code >= 0x28 && code <= 0x3e)) {
    readU32(from)
    return void readU32(from)
  }
  if (code === 0x3f || code === 0x40) return void readByte(from)
  if (code === 0x41) return skipSigned(from, 32)
  if (code === 0x42) return skipSigned(from, 64)
  if (code === 0x43) return void readSlice(from, 4)
  if (code === 0x44) return void readSlice(from, 8)
  if (code >= 0x45 && code <= 0xc4) return
  if (code === 0xfc && readU32(from) <= 7) return
  throw new Error(`an instruction that is not known here (0x${code.toString(16)})`)
}
