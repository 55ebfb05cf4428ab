/** What a command tells its caller beside words. */
export const exitCode = { fine: 0, no: 1, misuse: 2, failed: 3 } as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

export interface Output {
  /** One line of the result. */
  line(text?: string): void
  /** One line beside the result: progress, warnings, errors. */
  note(text: string): void
  json(value: unknown): void
  /** Whoever read the result has stopped, as `head` does: what is said from here on reaches nobody. */
  isClosed(): boolean
  table(head: readonly string[], rows: readonly (readonly string[])[]): void
}

// What a message contained is data: a terminal obeys control characters, reorders bidirectional text, and shows nothing of what is invisible.
// Whoever approves a call must see all of it, so each such sign is spelt out and none is left out.
const unprintable = /[[\s\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]--[ \t\n]]/gv

const spellOut = (sign: string): string => {
  const code = sign.codePointAt(0)!.toString(16) // a match is never empty
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`
}

/** Text from elsewhere as it may be shown on a terminal. */
export const printable = (text: string): string => text.replace(unprintable, spellOut)

/** The same on one line: no text from elsewhere can look like a line of ours. */
export const printableLine = (text: string): string => printable(text).replace(/[\t\n]/g, spellOut)

const inCell = (text: string): string => printable(text).replace(/[\t\n]/g, ' ')

export const formatTable = (head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] => {
  const lines = [head, ...rows].map(row => row.map(inCell))
  const widths = head.map((_, column) => Math.max(...lines.map(row => (row[column] ?? '').length)))
  return lines.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

interface Sink {
  write(text: string): unknown
  on?(event: 'error', listener: (fault: NodeJS.ErrnoException) => void): unknown
}

const noReader = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])

export const createOutput = (streams: { readonly stdout: Sink; readonly stderr: Sink } = process): Output => {
  let isClosed = false
  streams.stdout.on?.('error', fault => {
    isClosed = true
    if (noReader.has(fault.code ?? '')) return
    streams.stderr.write(`sallyport: the result cannot be written: ${fault.message}\n`)
    process.exit(exitCode.failed) // what was asked for must not look done
  })
  streams.stderr.on?.('error', () => undefined)
  return {
    line: (text = '') => void streams.stdout.write(`${text}\n`),
    note: text => void streams.stderr.write(`${text}\n`),
    json: value => void streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    isClosed: () => isClosed,
    table: (head, rows) => {
      for (const line of formatTable(head, rows)) streams.stdout.write(`${line}\n`)
    },
  }
}
