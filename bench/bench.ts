// Sallyport beside a bare proxy and no proxy at all, in one run:
//   node bench/bench.ts [--quick] [--json] [--case NAME]… [--sessions N]… [--server sdk|plain|go] [--workers N] [--least] [--people] [--profile FILE]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fleetingFileSystem } from '../src/store/sqlite/database.ts'
import { cases } from './cases.ts'
import { measureCommits } from './commits.ts'
import { measureIdle } from './idle.ts'
import { inspect } from './inspect.ts'
import { start } from './processes.ts'
import { printTable } from './report.ts'
import { measureAll, type Plan } from './rounds.ts'
import { serverNames, startTargets } from './targets.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true },
    sessions: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    server: { type: 'string', default: 'sdk' },
    workers: { type: 'string', default: '1' },
    least: { type: 'boolean', default: false },
    people: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
})
const server = serverNames.find((name) => name === values.server) ?? fail(`--server is one of ${serverNames.join(', ')}`)
const say = (line: string) => process.stderr.write(`${line}\n`)
const plan: Plan = {
  cases: cases.filter(({ name }) => values.case === undefined || values.case.includes(name)),
  sessions: values.sessions?.map(Number) ?? [1, 16, 64],
  rounds: values.rounds === undefined ? (values.quick ? 1 : 3) : Number(values.rounds),
  // Engines compile what runs often, by number of calls: who serves fewer of them in a second has to run longer.
  heatUp: values.quick ? { direct: 100, bare: 200, least: 500, sallyport: 2500, people: 500 } : { direct: 300, bare: 3000, least: 3000, sallyport: 20_000, people: 3000 },
  warmUp: values.quick ? 150 : 300,
  duration: values.quick ? 400 : 1300,
}

// The records have to reach a disk: in memory the store would be measured without its commits.
const scratch = fleetingFileSystem(join(tmpdir(), 'x')) === undefined ? tmpdir() : fileURLToPath(new URL('..', import.meta.url))
const directory = mkdtempSync(join(scratch, 'sallyport-bench-'))
const began = performance.now()
try {
  await measure()
} finally {
  rmSync(directory, { recursive: true, force: true })
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(2)
}

async function measure(): Promise<void> {
  const commit = measureCommits(directory, values.quick ? 200 : 1000)
  const targets = await startTargets(directory, { server, workers: Number(values.workers), least: values.least, people: values.people })
  const load = await start('the load generator', [fileURLToPath(new URL('load.ts', import.meta.url))], /(ready)/, { cwd: directory })
  try {
    const profiler = values.profile === undefined ? undefined : await inspect(targets.sallyport)
    await profiler?.call('Profiler.enable')
    await profiler?.call('Profiler.setSamplingInterval', { interval: 200 })
    await profiler?.call('Profiler.start')
    const runs = await measureAll(plan, targets.all, targets.upstream, load, say)
    if (profiler !== undefined && values.profile !== undefined) {
      const { profile } = await profiler.call('Profiler.stop')
      writeFileSync(values.profile, JSON.stringify(profile))
      profiler.close()
    }
    const sallyport = targets.all.find(({ name }) => name === 'sallyport')
    const idle = sallyport === undefined || values.profile !== undefined || values.workers !== '1' ? undefined : await measureIdle(sallyport, load, 500)
    const seconds = Math.round((performance.now() - began) / 1000)
    const machine = { cores: cpus().length, cpu: cpus()[0]?.model ?? 'unknown', node: process.version, workers: Number(values.workers) }
    if (values.json) return void process.stdout.write(`${JSON.stringify({ runs, commit, idle, machine, plan: { ...plan, cases: plan.cases.map(({ name }) => name) }, seconds })}\n`)
    process.stdout.write(`${printTable(runs)}\n\n`)
    process.stdout.write(`one commit by itself: ${commit.c50_ms.toFixed(2)} ms (p50), ${commit.c99_ms.toFixed(2)} ms (p99)\n`)
    if (idle !== undefined) process.stdout.write(`an idle session: ${idle.heap_bytes_per_session} bytes of heap, ${idle.rss_bytes_per_session} bytes of RSS (${idle.sessions} opened)\n`)
    process.stdout.write(`${machine.cores} × ${machine.cpu}, Node ${machine.node}, ${seconds} s\n`)
  } finally {
    await load.stop()
    await targets.stop()
  }
}
