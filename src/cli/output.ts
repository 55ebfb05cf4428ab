import { stripVTControlCharacters } from 'node:util'

/** What a command tells its caller beside words. */
export const exitCode = { fine: 0, no: 1, misuse: 2, failed: 3 } as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

export interface Output {
  /** One line of the result. */
  line(text?: string): void
  /** One line beside the result: progress, warnings, errors. */
  note(text: string): void
  json(value: unknown): void
  table(head: readonly string[], rows: readonly (readonly string[])[]): void
}

// What a message contained is data, and a terminal obeys control characters and reorders bidirectional text.
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Text from elsewhere as it may be shown on a terminal: escape sequences are removed, other control characters are spelt out. */
export const printable = (text: string): string =>
  stripVTControlCharacters(text).replace(unprintable, sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)

const inCell = (text: string): string => printable(text).replace(/[\t\n]/g, ' ')

export const formatTable = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => {
  const lines = [head, ...rows].map(row => row.map(inCell))
  const widths = head.map((_, column) => Math.max(...lines.map(row => (row[column] ?? '').length)))
  return lines.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

interface Sink {
  write(text: string): unknown
}

export const createOutput = (streams: { readonly stdout: Sink; readonly stderr: Sink } = process): Output => ({
  line: (text = '') => void streams.stdout.write(`${text}\n`),
  note: text => void streams.stderr.write(`${text}\n`),
  json: value => void streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
  table: (head, rows) => {
    for (const line of formatTable(head, rows)) streams.stdout.write(`${line}\n`)
  },
})
