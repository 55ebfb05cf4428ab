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
}

export const createOutput = (streams: { readonly stdout: Sink; readonly stderr: Sink } = process): Output => ({
  line: (text = '') => void streams.stdout.write(`${text}\n`),
  note: text => void streams.stderr.write(`${text}\n`),
  json: value => void streams.stdout.write(`${JSON.stringify(value, null, 2)}\n`),
  table: (head, rows) => {
    for (const line of formatTable(head, rows)) streams.stdout.write(`${line}\n`)
  },
})
