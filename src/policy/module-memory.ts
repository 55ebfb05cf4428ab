import { HostFault } from './host-fault.ts'

/** Texts in and out of a module's memory. */
export interface ModuleMemory {
  readonly memory: WebAssembly.Memory
  /** All of it, as it is now; the buffer is another one once the memory has grown. */
  bytes(): Buffer
  /** The text up to the next zero. */
  readText(address: number): string
  /** Writes at an address, behind which nothing is, and tells how many bytes that were. */
  writeText(text: string, address: number): number
}

const pageBytes = 65_536
const maxAnswerBytes = 4 * 1024 * 1024
/** Above this a decoder is quicker than looking whether all is ASCII. */
const shortText = 16 * 1024
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const isAscii = (text: string): boolean => !/[\x80-\uffff]/.test(text)

const longestRemembered = 256

/** Reads what mostly is the same as before: that is told by its bytes, and is the same text. */
export function createTextMemo({ bytes, readText }: ModuleMemory): ModuleMemory['readText'] {
  let before = ''
  return (address) => {
    const all = bytes()
    let at = 0
    while (at < before.length && all[address + at] === before.charCodeAt(at)) at += 1
    if (at === before.length && all[address + at] === 0) return before
    const text = readText(address)
    if (text.length <= longestRemembered && isAscii(text)) before = text
    return text
  }
}

export function createModuleMemory(memory: WebAssembly.Memory): ModuleMemory {
  let view = Buffer.from(memory.buffer)
  // Growing detaches the buffer, and a view of it has no length any more.
  const bytes = (): Buffer => (view.length > 0 ? view : (view = Buffer.from(memory.buffer)))

  const makeRoom = (upTo: number): void => {
    const missing = upTo - bytes().length
    if (missing <= 0) return
    try {
      memory.grow(Math.ceil(missing / pageBytes))
    } catch {
      throw new HostFault('memory', 'the input does not fit into the memory of a judgement')
    }
  }
  return {
    memory,
    bytes,
    readText(address) {
      const all = bytes()
      const end = all.indexOf(0, address)
      if (end < 0 || end - address > maxAnswerBytes) throw new HostFault('answer', 'a value that is too long leaves the module')
      if (end - address < shortText) {
        const text = all.toString('latin1', address, end)
        if (isAscii(text)) return text
      }
      try {
        return decoder.decode(all.subarray(address, end))
      } catch {
        throw new HostFault('answer', 'a value that is not UTF-8 leaves the module')
      }
    },
    writeText(text, address) {
      // A UTF-16 unit is three bytes at most.
      if (address + 3 * text.length > bytes().length) makeRoom(address + Buffer.byteLength(text))
      return bytes().write(text, address, 'utf8')
    },
  }
}
