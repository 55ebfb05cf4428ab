import { Option } from 'commander'
import { readCases } from '../../bundle/cases/read.ts'
import { casesOf, compareCases, type CaseDifference } from '../../bundle/compare/cases.ts'
import { replayDecisions, type ReplayReport } from '../../bundle/compare/replay.ts'
import { compareSources, type SourcesDifference } from '../../bundle/compare/sources.ts'
import { readBuildOptions, shippedDetectors } from '../../bundle/options.ts'
import { exitCode } from '../output.ts'
import { openNamed, type Named } from './judges.ts'
import { diffMarkdown } from './diff-markdown.ts'
import { readRecorded } from './recorded.ts'
import { config, since } from './replay.ts'
import { detector, dir, json, rules, type AddCommand, type PolicyTools } from './shared.ts'
import { showDiff } from './show-diff.ts'
import { openTraffic, tellRefused } from './traffic.ts'

interface DiffArguments {
  readonly since?: number
  readonly config?: string
  readonly dir?: string
  readonly rules?: string
  readonly cases?: string
  readonly detector?: readonly string[]
  readonly json?: boolean
  readonly markdown?: boolean
  readonly failOnChange?: boolean
}
export interface DiffReport extends SourcesDifference {
  readonly before: { readonly name: string; readonly digest: string }
  readonly after: { readonly name: string; readonly digest: string }
  /** How many decision cases were asked of both, and which they decide differently. */
  readonly cases: { readonly asked: number; readonly changed: readonly CaseDifference[] }
  /** Of recorded traffic, where a time was given. */
  readonly traffic: ReplayReport | null
}

export const addDiff: AddCommand = (policy, tools) => {
  policy
    .command('diff')
    .description('say which rules, data and decisions differ between two states of the policies')
    .argument('<before>', 'a directory, the file of a bundle, a digest or a commit')
    .argument('[after]', 'the same; without it, the directory of policies as it is')
    .option('--cases <directory>', 'decision cases that stand beside the policies')
    .addOption(since()).addOption(config()).addOption(dir()).addOption(rules()).addOption(detector())
    .addOption(json()).addOption(new Option('--markdown', 'print what can be put under a pull request').conflicts('json'))
    .option('--fail-on-change', 'exit with 1 when a decision changes')
    .action((before: string, after: string | undefined, options: DiffArguments) => diff(before, after, options, tools))
}

async function diff(before: string, after: string | undefined, options: DiffArguments, tools: PolicyTools): Promise<void> {
  const { output, exit, refuse, withOpa } = tools
  const directory = options.dir ?? 'rego'
  const wantsTraffic = options.since !== undefined || options.config !== undefined
  const traffic = wantsTraffic ? await openTraffic(options, tools) : undefined
  if (wantsTraffic && traffic === undefined) return
  const opened: Named[] = []
  try {
    await withOpa(async (opa) => {
      const build = { opa, ...(await readBuildOptions(traffic?.detectors ?? [...shippedDetectors, ...(options.detector ?? [])])) }
      for (const name of [before, after ?? directory]) {
        const one = await openNamed(name, { directory, rules: options.rules ?? traffic?.rules, kept: traffic?.kept }, build)
        if (!one.ok) return refuse(one.problems, options)
        opened.push(one.named)
      }
      const [left, right] = opened as [Named, Named]
      const compared = await compareSources(left.sources, right.sources, opa)
      if (!compared.ok) return refuse(compared.problems, options)
      const [mine, theirs] = [await readCases(left.sources.cases), await readCases(right.sources.cases, options.cases)]
      if (!mine.ok) return refuse(mine.problems, options)
      if (!theirs.ok) return refuse(theirs.problems, options)
      const cases = casesOf(mine.cases, theirs.cases)
      const period = { from: options.since ?? Date.now() - 7 * 86_400_000, to: Date.now() }
      const report: DiffReport = {
        before: { name: before, digest: left.judge.digest }, after: { name: after ?? directory, digest: right.judge.digest },
        ...compared.difference,
        cases: { asked: cases.length, changed: await compareCases(cases, left.judge, right.judge) },
        traffic: traffic === undefined ? null : await replayDecisions({ records: readRecorded(traffic.list, period), candidate: async () => right.judge, base: left.judge, clean: traffic.clean, mostExamples: 10 }),
      }
      if (options.json === true) output.json(report)
      else if (options.markdown === true) output.line(diffMarkdown(report))
      else showDiff(report, output)
      const changes = report.cases.changed.length + (report.traffic?.changed ?? 0)
      if (changes > 0 && options.failOnChange === true) exit(exitCode.no)
    })
  } catch (fault) {
    tellRefused(fault, tools)
  } finally {
    for (const { judge } of opened) await judge.close()
    await traffic?.close()
  }
}
