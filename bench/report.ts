import type { Run } from './rounds.ts'

const columns: readonly (readonly [title: string, of: (run: Run) => string])[] = [
  ['case', ({ case: name }) => name],
  ['sessions', ({ sessions }) => String(sessions)],
  ['target', ({ target }) => target],
  ['calls/s', ({ rps }) => rps.toFixed(0)],
  ['p50 ms', ({ p50_ms }) => p50_ms.toFixed(2)],
  ['p99 ms', ({ p99_ms }) => p99_ms.toFixed(2)],
  ['CPU ms/call', ({ cpu_ms_per_call }) => cpu_ms_per_call.toFixed(3)],
  ['RSS MB', ({ rss_mb }) => rss_mb.toFixed(0)],
  ['to direct', ({ ratio_to_direct }) => ratio_to_direct.toFixed(2)],
  ['to bare', ({ ratio_to_bare }) => ratio_to_bare.toFixed(2)],
]

/** A Markdown table, so that it can go into the documents as it is. */
export function printTable(runs: readonly Run[]): string {
  const rows = [columns.map(([title]) => title), ...runs.map((run) => columns.map(([, of]) => of(run)))]
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => (column === 0 || column === 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (column === 0 || column === 2 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  const [head, ...body] = rows
  return [line(head ?? []), rule, ...body.map(line)].join('\n')
}
