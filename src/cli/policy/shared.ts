import { Option } from 'commander'
import type { Command } from 'commander'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { buildBundle } from '../../bundle/build.ts'
import type { BuildOptions, BuiltBundle } from '../../bundle/build.ts'
import { rehearse } from '../../bundle/eval.ts'
import type { Opa, StageRun } from '../../bundle/opa.ts'
import { readBuildOptions, shippedDetectors } from '../../bundle/options.ts'
import { problemText } from '../../bundle/problem.ts'
import type { Problem } from '../../bundle/problem.ts'
import { addRules } from '../../bundle/rules/with-rules.ts'
import { sourcesOf } from '../../bundle/source/read-directory.ts'
import { readPlace } from '../../bundle/source/source-of.ts'
import type { Place } from '../../bundle/source/source-of.ts'
import type { Read, Sources } from '../../bundle/source/sources.ts'
import type { CommandContext } from '../main.ts'
import { exitCode } from '../output.ts'
import { problemCases, writeJunit } from './junit.ts'
import { showProblems } from './report.ts'

/** What most of the commands understand. */
export interface Common {
  readonly dir?: string
  readonly bundle?: string
  /** A file of YAML rules beside those of the source. */
  readonly rules?: string
  readonly detector?: readonly string[]
  readonly json?: boolean
}

/** A bundle that the engine would take, and what there is to tell about its making. */
export interface Finished {
  readonly bundle: BuiltBundle
  readonly detectors: readonly string[]
  readonly build: BuildOptions
  readonly told: { readonly warnings: readonly Problem[]; readonly stages: readonly StageRun[] }
}

/** What the commands share; each file of this folder adds one of them. */
export interface PolicyTools extends CommandContext {
  withOpa(work: (opa: Opa) => Promise<void>): Promise<void>
  /** Reads the source; what cannot be read is told and ends the command. */
  withSources(options: Common, work: (sources: Sources, build: BuildOptions, warnings: readonly Problem[]) => Promise<void>): Promise<void>
  /** Builds, and lets the engine take the bundle as it would be activated; what is found is told and ends the command. */
  withBundle(options: Common, work: (built: Finished, sources: Sources) => Promise<void>): Promise<void>
  /** Tells why the answer is no, and ends the command. */
  refuse(problems: readonly Problem[], options: { readonly json?: boolean; readonly junit?: string }, more?: object): void
}
export type AddCommand = (policy: Command, tools: PolicyTools) => void

const collect = (name: string, names: readonly string[] = []): readonly string[] => [...names, name]

export const dir = (): Option => new Option('--dir <directory>', 'the directory of policies (default: rego)')
export const bundle = (): Option => new Option('--bundle <file>', 'a bundle; its sources are built again').conflicts('dir')
export const rules = (): Option => new Option('--rules <file>', 'YAML rules beside those of the policies')
export const detector = (): Option => new Option('--detector <name>', 'a detector that the configuration adds; may be repeated').argParser(collect)
export const json = (): Option => new Option('--json', 'print JSON')

const standardDirectory = 'rego'
const placeOf = ({ dir: path, bundle: file }: Common): Place =>
  file === undefined ? { kind: 'directory', path: path ?? standardDirectory } : { kind: 'bundle', path: file }
/** Rules need no policies beside them. */
const readCommon = (options: Common): Promise<Read> => {
  const { dir: path, bundle: file, rules: own } = options
  const isAlone = own !== undefined && path === undefined && file === undefined && !existsSync(standardDirectory)
  return isAlone ? sourcesOf(new Map(), { revision: own }) : readPlace(placeOf(options))
}
export const readText = (path: string): Promise<string> => (path === '-' ? text(process.stdin) : readFile(path, 'utf8'))

export const createTools = (context: CommandContext, openOpa: () => Opa): PolicyTools => {
  const { output, exit } = context

  const withOpa: PolicyTools['withOpa'] = async (work) => {
    const opa = openOpa()
    try {
      await work(opa)
    } finally {
      await opa.close()
    }
  }
  const refuse: PolicyTools['refuse'] = (problems, options, more = {}) => {
    writeJunit(options.junit, problemCases('policy', problems))
    if (options.json) output.json({ ok: false, problems, ...more })
    else showProblems(problems, output)
    exit(problems.some(({ code }) => code === 'unreadable') ? exitCode.failed : exitCode.no)
  }
  const withSources: PolicyTools['withSources'] = (options, work) =>
    withOpa(async (opa) => {
      const build = { opa, ...(await readBuildOptions([...shippedDetectors, ...(options.detector ?? [])])) }
      const read = await addRules(await readCommon(options), { file: options.rules })
      if (!read.ok) return refuse(read.problems, options)
      for (const warning of read.warnings) output.note(`warning: ${problemText(warning)}`)
      await work(read.sources, build, read.warnings)
    })
  const withBundle: PolicyTools['withBundle'] = (options, work) =>
    withSources(options, async (sources, build, warnings) => {
      const built = await buildBundle(sources, build)
      const problems = built.ok ? await rehearse(built.bundle, build.detectors) : built.problems
      if (!built.ok || problems.length > 0) return refuse(problems, options, { warnings, stages: built.stages })
      await work({ bundle: built.bundle, detectors: build.detectors, build, told: { warnings, stages: built.stages } }, sources)
    })

  return { ...context, withOpa, withSources, withBundle, refuse }
}
