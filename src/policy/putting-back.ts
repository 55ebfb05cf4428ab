import { stateExport } from './fuel.ts'
import type { ModuleMemory } from './module-memory.ts'

/**
 * Puts an instance back as it is now, however a judgement ended; false where that cannot be. What lies below `end`, where inputs begin, and the globals are
 * all that a judgement can find of another. How much memory there is, the module notes there too: put back after it grew, it would take as much again.
 */
export function createPuttingBack(exports: WebAssembly.Instance['exports'], memory: ModuleMemory, end: number): () => boolean {
  const size = memory.bytes().length
  const before = Buffer.from(memory.bytes().subarray(0, end))
  const globals: { readonly global: WebAssembly.Global; readonly value: number | bigint }[] = []
  for (let at = 0, one = exports[stateExport(0)]; one instanceof WebAssembly.Global; one = exports[stateExport((at += 1))]) globals.push({ global: one, value: one.value })
  return () => {
    if (memory.bytes().length !== size) return false
    memory.bytes().set(before)
    for (const { global, value } of globals) global.value = value
    return true
  }
}
