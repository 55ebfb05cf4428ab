import { InvalidArgumentError, Option } from 'commander'
import type { Command } from 'commander'
import { readFile, writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { buildBundle } from '../bundle/build.ts'
import type { BuildOptions, BuiltBundle } from '../bundle/build.ts'
import { packBundle } from '../bundle/bundle-file.ts'
import { evaluate, rehearse } from '../bundle/eval.ts'
import { formatDirectory } from '../bundle/format.ts'
import { writeLibrary } from '../bundle/library.ts'
import { createOpa } from '../bundle/opa.ts'
import type { Opa, StageRun } from '../bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../bundle/options.ts'
import { problemText } from '../bundle/problem.ts'
import type { Problem } from '../bundle/problem.ts'
import { readPlace } from '../bundle/source-of.ts'
import type { Place } from '../bundle/source-of.ts'
import type { Sources } from '../bundle/sources.ts'
import { testBundle } from '../bundle/test.ts'
import type { CommandContext } from './main.ts'
import { exitCode, printable } from './output.ts'
import { showDecision, showProblems, showTests } from './policy-report.ts'

interface Common {
  readonly dir?: string
  readonly bundle?: string
  readonly detector?: readonly string[]
  readonly json?: boolean
}

/** A bundle that the engine would take, and what there is to tell about its making. */
interface Finished {
  readonly bundle: BuiltBundle
  readonly detectors: readonly string[]
  readonly told: { readonly warnings: readonly Problem[]; readonly stages: readonly StageRun[] }
}

const readText = (path: string): Promise<string> => (path === '-' ? text(process.stdin) : readFile(path, 'utf8'))
const percentage = (given: string): number => {
  const value = Number(given)
  if (given.trim() === '' || !(value >= 0 && value <= 100)) throw new InvalidArgumentError('a number from 0 to 100 is expected')
  return value
}
const collect = (name: string, names: readonly string[] = []): readonly string[] => [...names, name]

const dir = (): Option => new Option('--dir <directory>', 'the directory of policies (default: rego)')
const bundle = (): Option => new Option('--bundle <file>', 'a bundle; its sources are built again').conflicts('dir')
const detector = (): Option => new Option('--detector <name>', 'a detector that the configuration adds; may be repeated').argParser(collect)
const json = (): Option => new Option('--json', 'print JSON')
const placeOf = ({ dir: path, bundle: file }: Common): Place => (file === undefined ? { kind: 'directory', path: path ?? 'rego' } : { kind: 'bundle', path: file })

/** The commands that need no running gateway. */
export const registerPolicy = (program: Command, { output, exit }: CommandContext, openOpa: () => Opa = () => createOpa({ timeout: 300_000 })): void => {
  const policy = program.command('policy').description('check, test, build and evaluate policies')

  const withOpa = async (work: (opa: Opa) => Promise<void>): Promise<void> => {
    const opa = openOpa()
    try {
      await work(opa)
    } finally {
      await opa.close()
    }
  }
  const refuse = (problems: readonly Problem[], options: Common, more: object = {}): void => {
    if (options.json) output.json({ ok: false, problems, ...more })
    else showProblems(problems, output)
    exit(problems.some(({ code }) => code === 'unreadable') ? exitCode.failed : exitCode.no)
  }
  const warn = (warnings: readonly Problem[]): void => warnings.forEach((warning) => output.note(`warning: ${problemText(warning)}`))

  /** Reads the source; what cannot be read is told and ends the command. */
  const withSources = (options: Common, work: (sources: Sources, build: BuildOptions, warnings: readonly Problem[]) => Promise<void>): Promise<void> =>
    withOpa(async (opa) => {
      const build = { opa, ...(await readBuildOptions([...shippedDetectors, ...(options.detector ?? [])])) }
      const read = await readPlace(placeOf(options))
      if (!read.ok) return refuse(read.problems, options)
      warn(read.warnings)
      await work(read.sources, build, read.warnings)
    })

  /** Builds, and lets the engine take the bundle as it would be activated; what is found is told and ends the command. */
  const withBundle = (options: Common, work: (built: Finished, sources: Sources) => Promise<void>): Promise<void> =>
    withSources(options, async (sources, build, warnings) => {
      const built = await buildBundle(sources, build)
      const problems = built.ok ? await rehearse(built.bundle, build.detectors) : built.problems
      if (!built.ok || problems.length > 0) return refuse(problems, options, { warnings, stages: built.stages })
      await work({ bundle: built.bundle, detectors: build.detectors, told: { warnings, stages: built.stages } }, sources)
    })

  policy
    .command('check')
    .description('say what would keep the policies from becoming active')
    .addOption(dir()).addOption(bundle()).addOption(detector()).addOption(json())
    .action((options: Common) =>
      withBundle(options, async ({ bundle: { digest, rules }, told }) => {
        if (options.json) output.json({ ok: true, digest, problems: [], ...told })
        else output.line(`fine: ${Object.keys(rules).length} rules with metadata, bundle ${digest}`)
      }),
    )

  policy
    .command('test')
    .description("run the tests twice: by OPA's evaluator, and compiled in the host that judges")
    .addOption(dir()).addOption(bundle()).addOption(detector()).addOption(json())
    .option('--run <pattern>', 'only the tests whose full name matches')
    .option('--threshold <percent>', 'the coverage wanted', percentage)
    .option('--verbose', 'name the tests that pass, too')
    .action((options: Common & { run?: string; threshold?: number; verbose?: boolean }) =>
      withSources(options, async (sources, build) => {
        const tested = await testBundle(sources, { ...build, ...(options.run ? { filter: options.run } : {}) })
        if (!tested.ok) return refuse(tested.problems, options)
        const { report } = tested
        // A slip in the pattern must not look like tests that passed.
        const isFound = options.run === undefined || report.tests.length > 0
        const isCovered = report.coverage.percent >= (options.threshold ?? 0)
        const ok = report.failed === 0 && isCovered && isFound
        if (options.json) output.json({ ok, ...report, ...(options.threshold === undefined ? {} : { threshold: options.threshold }) })
        else showTests(report, { threshold: options.threshold, verbose: options.verbose ?? false }, output)
        if (!isFound) output.note('no test has such a name')
        if (!ok) exit(exitCode.no)
      }),
    )

  policy
    .command('build')
    .description('check and compile to an OPA bundle')
    .addOption(dir()).addOption(bundle()).addOption(detector()).addOption(json())
    .requiredOption('-o, --output <file>', 'where to write it')
    .action((options: Common & { output: string }) =>
      withBundle(options, async ({ bundle: built, told }, sources) => {
        const bytes = packBundle(sources, built)
        await writeFile(options.output, bytes)
        const { digest, revision } = built
        if (options.json) output.json({ ok: true, digest, revision, output: options.output, bytes: bytes.length, ...told })
        else output.line(`${options.output}: bundle ${digest}, ${bytes.length} bytes`)
      }),
    )

  policy
    .command('eval')
    .description('print the decision about one input, as the gateway would take it')
    .addOption(dir()).addOption(bundle()).addOption(detector()).addOption(json())
    .requiredOption('--input <file>', 'the input of the policy as JSON, `-` for standard input')
    .action(async (options: Common & { input: string }) => {
      const input = await readText(options.input)
      await withBundle(options, async ({ bundle: built, detectors }) => {
        const evaluated = await evaluate(built, input, detectors)
        if (!evaluated.ok) {
          output.note(evaluated.message)
          return exit(exitCode.misuse)
        }
        for (const note of evaluated.notes) output.note(printable(note))
        if (options.json) output.json(evaluated.decision)
        else showDecision(evaluated.decision, output)
      })
    })

  policy
    .command('fmt')
    .description('name the files that are not formatted')
    .addOption(dir()).addOption(json())
    .option('-w, --write', 'format them in place')
    .action((options: Common & { write?: boolean }) =>
      withOpa(async (opa) => {
        const formatted = await formatDirectory(options.dir ?? 'rego', { opa, write: options.write ?? false })
        if (!formatted.ok) return refuse(formatted.problems, options)
        const ok = options.write === true || formatted.changed.length === 0
        if (options.json) output.json({ ok, changed: formatted.changed })
        else formatted.changed.forEach((file) => output.line(file))
        if (!ok) exit(exitCode.no)
      }),
    )

  policy
    .command('library')
    .description('write the Rego library, so that a native opa finds it')
    .requiredOption('--out <directory>', 'the directory of policies')
    .addOption(json())
    .action(async (options: { out: string; json?: boolean }) => {
      const files = await writeLibrary(options.out)
      if (options.json) output.json({ ok: true, files })
      else files.forEach((file) => output.line(file))
    })
}
