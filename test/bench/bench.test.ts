import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const bench = fileURLToPath(new URL('../../bench/bench.ts', import.meta.url))

test('the bench measures its targets side by side, and every answer is right', async () => {
  const { stdout } = await run(process.execPath, ['--no-warnings', bench, '--quick', '--json', '--least', '--case', 'rows-text', '--sessions', '16'])
  const report = JSON.parse(stdout) as { runs: Record<string, unknown>[]; commit: unknown; idle: unknown }
  expect(report.runs.map(({ target }) => target)).toEqual(['direct', 'bare', 'least', 'sallyport'])
  for (const one of report.runs) {
    expect(one).toMatchObject({ case: 'rows-text', sessions: 16, errors: 0 })
    for (const name of ['rps', 'p50_ms', 'p99_ms', 'cpu_ms_per_call', 'rss_mb', 'ratio_to_direct', 'ratio_to_bare']) expect(typeof one[name]).toBe('number')
  }
  expect(report.commit).toEqual({ c50_ms: expect.any(Number), c99_ms: expect.any(Number) })
  expect(report.idle).toEqual({ sessions: 500, heap_bytes_per_session: expect.any(Number), rss_bytes_per_session: expect.any(Number) })
})
