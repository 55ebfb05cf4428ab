// What a large source of policies costs on its way to enforcement, and what callers notice of it.
//   node --no-warnings bench/policies.ts [--json] [--rules 1000] [--entries 10000]
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { createOpa } from '../src/bundle/opa.ts'
import { createPipeline } from '../src/bundle/pipeline/activate.ts'
import type { Run } from '../src/bundle/pipeline/activate.ts'
import { readPrepareOptions } from '../src/bundle/pipeline/options.ts'
import { createDirectorySource } from '../src/bundle/source/directory.ts'
import { createGitSource } from '../src/bundle/source/git/source.ts'
import type { Source } from '../src/bundle/source/source.ts'
import type { Logger, Question } from '../src/model.ts'
import { createPolicyEngine } from '../src/policy/engine.ts'
import { filesOf, questionAt } from './policy-source.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, rules: { type: 'string', default: '1000' }, entries: { type: 'string', default: '10000' } } })
const size = { rules: Number(values.rules), entries: Number(values.entries) }
const quiet: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

const put = async (root: string, files: ReadonlyMap<string, string>): Promise<void> => {
  for (const [path, text] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
}
const round = (value: number): number => Math.round(value * 1000) / 1000
/** What this thread worked, which does not grow where others share the machine. */
const worked = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
/** What all processes of OPA worked so far, where the system tells. */
const compilersWorked = (): number => {
  try {
    const children = readdirSync('/proc/self/task').flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ')).filter((pid) => pid !== '')
    return children.reduce((sum, pid) => sum + readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ').slice(11, 13).reduce((ticks, one) => ticks + Number(one) * 10, 0), 0)
  } catch {
    return Number.NaN
  }
}
const at = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
const spread = (times: readonly number[]): Record<string, number> => {
  const sorted = [...times].sort((a, b) => a - b)
  return { calls: sorted.length, p50_ms: round(at(sorted, 0.5)), p99_ms: round(at(sorted, 0.99)), max_ms: round(sorted.at(-1) ?? 0) }
}
const stagesOf = ({ stages, error }: Run): Record<string, number> => {
  if (error !== undefined) throw new Error(error)
  return Object.fromEntries(stages.map(({ name, ms }) => [name, ms]))
}

const opa = createOpa({ processes: 2, timeout: 300_000 })
const options = { opa, ...(await readPrepareOptions({ detectors: {}, policy: { tests: {} } })) }
const engine = createPolicyEngine({ detectors: options.detectors, logger: quiet })

/** Callers that ask one after another, as in a gateway: each gives way to whatever else is due. */
const calling = (): { stop(): Promise<{ readonly times: readonly number[]; readonly work: readonly number[]; readonly kinds: ReadonlySet<string> }> } => {
  const times: number[] = []
  const work: number[] = []
  const kinds = new Set<string>()
  let open = true
  const loop = async (): Promise<void> => {
    for (let call = 0; open; call += 1) {
      // A call is due before whatever else has its turn: what holds up the loop holds up the call.
      const due = performance.now()
      const before = worked()
      await new Promise((resolve) => setImmediate(resolve))
      const decision = await engine.decide(questionAt(call, size))
      times.push(performance.now() - due)
      work.push(worked() - before)
      kinds.add(decision.reasons[0]?.rule === 'sallyport/policy_error' ? 'policy_error' : decision.kind)
    }
  }
  const done = loop()
  return {
    async stop() {
      open = false
      await done
      return { times, work, kinds }
    },
  }
}
const judged = (questions: readonly Question[]): Promise<readonly number[]> =>
  questions.reduce<Promise<number[]>>(async (before, question) => {
    const times = await before
    const began = performance.now()
    await engine.decide(question)
    times.push(performance.now() - began)
    return times
  }, Promise.resolve([]))

const pipelineOf = (source: Source, onRun?: (run: Run) => void) => createPipeline({ ...options, source, engine, logger: quiet, clock: Date.now, ...(onRun ? { onRun } : {}) })

const root = await mkdtemp(join(tmpdir(), 'sallyport-bench-'))
try {
  await put(root, filesOf(size, 0))
  const reader: Source = { read: () => createDirectorySource(root).read() }
  const pipeline = pipelineOf(reader)
  const cold = stagesOf(await pipeline.run())
  await put(root, filesOf(size, 1))
  const [ownBefore, compilersBefore] = [worked(), compilersWorked()]
  const warm = stagesOf(await pipeline.run())
  const run_cpu_ms = { gateway: Math.round(worked() - ownBefore), compilers: Math.round(compilersWorked() - compilersBefore) }

  const questions = Array.from({ length: 10_000 }, (_, index) => questionAt(index, size))
  await judged(questions)
  const judgingBefore = worked()
  const judging = spread(await judged(questions))
  const judging_cpu_ms = round((worked() - judgingBefore) / questions.length)

  // Calls go on while a new bundle is prepared and switched in.
  const before = calling()
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const calm = await before.stop()
  await put(root, filesOf(size, 2))
  const digest = engine.active()?.digest
  const during = calling()
  const run = await pipeline.run()
  const seen = await during.stop()
  if (run.error !== undefined || engine.active()?.digest === digest) throw new Error(run.error ?? 'nothing new became active')
  const activation = {
    stages_ms: stagesOf(run), failed: seen.kinds.has('policy_error'),
    calls: spread(seen.times), calls_without: spread(calm.times),
    // The system may count this in steps of some milliseconds.
    longest_held_cpu_ms: round(Math.max(...seen.work)),
  }
  await pipeline.close()

  // From a saved file to the active bundle.
  let told: (run: Run) => void = () => {}
  const next = (): Promise<Run> => new Promise((resolve) => (told = resolve))
  const watching = pipelineOf(createDirectorySource(root), (done) => told(done))
  await watching.run()
  let waiting = next()
  let began = performance.now()
  await put(root, new Map([...filesOf(size, 3)].slice(0, 1)))
  stagesOf(await waiting)
  const saved_to_active_ms = Math.round(performance.now() - began)
  await watching.close()

  // From a push to the active bundle, where the Git host tells of it.
  const work = join(root, 'work')
  const git = (...args: readonly string[]): void => void execFileSync('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@example.com', '-c', 'commit.gpgsign=false', ...args], { cwd: work, stdio: 'pipe' })
  await put(work, filesOf(size, 4))
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch', 'main', join(root, 'policies.git')])
  git('init', '--quiet', '--initial-branch', 'main')
  git('add', '.')
  git('commit', '--quiet', '-m', 'policies')
  git('push', '--quiet', join(root, 'policies.git'), 'main')
  const source = createGitSource({ url: `file://${root}/policies.git`, transport: 'file', wanted: { ref: 'refs/heads/main' }, directory: join(root, 'copy'), poll: 3_600_000 })
  const pushed = pipelineOf(source, (done) => told(done))
  await pushed.run()
  await put(work, new Map([...filesOf(size, 5)].slice(0, 1)))
  git('commit', '--quiet', '-a', '-m', 'change')
  waiting = next()
  began = performance.now()
  git('push', '--quiet', join(root, 'policies.git'), 'main')
  source.look?.()
  stagesOf(await waiting)
  const push_to_active_ms = Math.round(performance.now() - began)
  await pushed.close()
  await source.close?.()

  const report = { ...size, cold_stages_ms: cold, warm_stages_ms: warm, run_cpu_ms, judging, judging_cpu_ms, activation, saved_to_active_ms, push_to_active_ms }
  process.stdout.write(`${JSON.stringify(report, null, values.json ? 0 : 2)}\n`)
} finally {
  await engine.close()
  await opa.close()
  await rm(root, { recursive: true, force: true })
}
