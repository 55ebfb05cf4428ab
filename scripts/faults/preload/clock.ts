// Loaded into a gateway before its own code: its clock is off by what the file SALLYPORT_CLOCK says, in milliseconds.
import { readFileSync } from 'node:fs'

const file = process.env['SALLYPORT_CLOCK'] ?? ''
const now = Date.now.bind(Date)
let offset = 0
let readAt = -Infinity

function read(): number {
  if (performance.now() - readAt > 20) {
    offset = Number(readFileSync(file, 'utf8'))
    readAt = performance.now()
  }
  return now() + offset
}
globalThis.Date = class extends Date {
  constructor(...args: [] | [string | number | Date]) {
    super(...(args.length === 0 ? [read()] : args) as [number])
  }
  static override now(): number {
    return read()
  }
} as DateConstructor
