import { Option } from 'commander'
import type { Judge } from '../../bundle/compare/judge.ts'
import { isDigest, type PlaceOptions } from '../../bundle/compare/place.ts'
import { replayDecisions, type Recorded, type ReplayReport } from '../../bundle/compare/replay.ts'
import type { BuildOptions } from '../../bundle/build.ts'
import { readBuildOptions } from '../../bundle/options.ts'
import { exitCode } from '../output.ts'
import { readCount } from '../pages.ts'
import { openNamed, type Named } from './judges.ts'
import { readInstant } from '../period.ts'
import { createProgress } from './progress.ts'
import { readRecorded, type Period } from './recorded.ts'
import { detector, dir, json, rules, type AddCommand, type PolicyTools } from './shared.ts'
import { replayMarkdown } from './replay-markdown.ts'
import { showReplay } from './show-replay.ts'
import { openTraffic, tellRefused, type Traffic } from './traffic.ts'

interface ReplayArguments {
  readonly candidate?: string
  readonly bundle?: string
  readonly since: number
  readonly until?: number
  readonly config?: string
  readonly dir?: string
  readonly rules?: string
  readonly detector?: readonly string[]
  readonly examples: string
  readonly json?: boolean
  readonly markdown?: boolean
  readonly failOnChange?: boolean
}
/** What was asked, for whoever prints it. */
export interface ReplayTitle {
  readonly candidate: { readonly name: string; readonly digest: string } | null
  /** null: what was recorded. */
  readonly base: { readonly name: string; readonly digest: string } | null
  readonly from: string
  readonly to: string
  /** Digests of bundles that judged and could not be had. */
  readonly missing_bundles: readonly string[]
}

export const since = (): Option => new Option('--since <time>', 'what was recorded from then on: 30m, 12h, 7d, 2w or a time').argParser(readInstant(Date.now()))
export const config = (): Option => new Option('--config <file>', 'the configuration whose store is read, with the same rights as the gateway; without it and with SALLYPORT_URL set, a running gateway is asked')

export const addReplay: AddCommand = (policy, tools) => {
  policy
    .command('replay')
    .description('judge recorded traffic again, by a candidate or by the bundle that judged it')
    .option('--candidate <policies>', 'a directory, the file of a bundle, a digest or a commit; without it every decision is judged by its own bundle')
    .option('--bundle <policies>', 'what the candidate is compared with in place of the record: `active`, a directory, a file, a digest or a commit; without a candidate, the bundle to use')
    .addOption(since().default(readInstant(Date.now())('7d'), '7d'))
    .addOption(new Option('--until <time>', '… and up to then').argParser(readInstant(Date.now(), 'end')))
    .addOption(config()).addOption(dir()).addOption(rules()).addOption(detector())
    .option('--examples <count>', 'how many examples at most', '10')
    .addOption(json()).addOption(new Option('--markdown', 'print what can be put under a pull request').conflicts('json'))
    .option('--fail-on-change', 'exit with 1 when a decision changes')
    .action((options: ReplayArguments) => replay(options, tools))
}

async function replay(options: ReplayArguments, tools: PolicyTools): Promise<void> {
  const { output, exit, refuse, withOpa } = tools
  const most = readCount(options.examples)
  if (most === undefined) {
    output.note('sallyport policy replay: --examples wants a whole number above 0')
    return exit(exitCode.misuse)
  }
  const traffic = await openTraffic(options, tools)
  if (traffic === undefined) return
  try {
    await withOpa(async (opa) => {
      const build = { opa, ...(await readBuildOptions(traffic.detectors)) }
      const period = { from: options.since, to: options.until ?? Date.now() }
      const place: PlaceOptions = { directory: options.dir ?? 'rego', rules: options.rules ?? traffic.rules, kept: traffic.kept }
      const judges = createJudges(place, build)
      try {
        const named = async (name: string | undefined): Promise<Named | undefined> => (name === undefined ? undefined : judges.named(name === 'active' ? await newestBundle(traffic, period) : name))
        const [candidate, other] = [await named(options.candidate), await named(options.bundle)]
        const report = await run({ traffic, period, most, judges, candidate, other })
        const about = (one: Named | undefined) => (one === undefined ? null : { name: one.name, digest: one.judge.digest })
        const title: ReplayTitle = { candidate: about(candidate ?? other), base: candidate === undefined ? null : about(other), from: new Date(period.from).toISOString(), to: new Date(period.to).toISOString(), missing_bundles: judges.missing() }
        if (options.json === true) output.json({ ...title, ...report })
        else if (options.markdown === true) output.line(replayMarkdown(title, report))
        else showReplay(title, report, output)
        // Whoever asks whether the record can be reproduced asks a question that has an answer.
        if (report.changed > 0 && (options.failOnChange === true || options.candidate === undefined)) exit(exitCode.no)
      } catch (fault) {
        if (fault instanceof Unusable) refuse(fault.problems, options)
        else tellRefused(fault, tools)
      } finally {
        await judges.close()
      }
    })
  } finally {
    await traffic.close()
  }
}

interface Run {
  readonly traffic: Traffic
  readonly period: Period
  readonly most: number
  readonly judges: Judges
  readonly candidate: Named | undefined
  readonly other: Named | undefined
}

async function run({ traffic, period, most, judges, candidate, other }: Run): Promise<ReplayReport> {
  const progress = createProgress()
  let seen = 0
  const own = async ({ decision: { bundle } }: Recorded): Promise<Judge | undefined> => (other === undefined ? judges.kept(bundle) : bundle === other.judge.digest ? other.judge : undefined)
  try {
    return await replayDecisions({
      records: readRecorded(traffic.list, period),
      candidate: candidate === undefined ? own : async () => candidate.judge,
      ...(candidate === undefined || other === undefined ? {} : { base: other.judge }),
      clean: traffic.clean,
      mostExamples: most,
      onProgress({ at }) {
        seen += 1
        progress.show((at - period.from) / Math.max(1, period.to - period.from), `${seen} decisions, ${new Date(at).toISOString().slice(0, 16)}`)
      },
    })
  } finally {
    progress.end()
  }
}

/** What keeps a bundle from judging. */
class Unusable extends Error {
  readonly problems: Extract<Awaited<ReturnType<typeof openNamed>>, { ok: false }>['problems']

  constructor(problems: Unusable['problems']) {
    super('a bundle cannot be used')
    this.problems = problems
  }
}

/** The bundle that judged last. */
async function newestBundle(traffic: Traffic, period: Period): Promise<string> {
  let newest: string | undefined
  for await (const { decision } of readRecorded(traffic.list, period)) if (decision.bundle !== 'none') newest = decision.bundle
  if (newest === undefined) throw new Unusable([{ stage: 'read', code: 'no_decisions', message: 'nothing was decided in that time, so no bundle is known to be active', remedy: 'give a longer --since, or name the bundle' }])
  return newest
}

interface Judges {
  named(name: string): Promise<Named>
  /** The bundle of that digest, where it was kept. */
  kept(digest: string): Promise<Judge | undefined>
  missing(): readonly string[]
  close(): Promise<void>
}

/** Each bundle is built once. */
function createJudges(place: PlaceOptions, build: BuildOptions): Judges {
  const opened = new Map<string, Promise<Named | Unusable>>()
  const missing = new Set<string>()
  const open = (name: string): Promise<Named | Unusable> => {
    const known = opened.get(name) ?? openNamed(name, place, build).then((one) => (one.ok ? one.named : new Unusable(one.problems)))
    opened.set(name, known)
    return known
  }
  return {
    async named(name) {
      const one = await open(name)
      if (one instanceof Unusable) throw one
      return one
    },
    async kept(digest) {
      const one = isDigest(digest) ? await open(digest) : undefined
      // Another version of the gateway builds another bundle of the same sources: that one did not judge.
      if (one !== undefined && !(one instanceof Unusable) && one.judge.digest === digest) return one.judge
      missing.add(digest)
      return undefined
    },
    missing: () => [...missing],
    async close() {
      for (const one of opened.values()) {
        const named = await one
        if (!(named instanceof Unusable)) await named.judge.close()
      }
    },
  }
}
