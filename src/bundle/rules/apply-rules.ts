import { isObject, parseExactJson } from '../../exact-json.ts'
import type { Json, JsonObject } from '../../model.ts'
import type { Modules } from '../opa.ts'
import type { Problem } from '../problem.ts'
import { packageOf, type Sources } from '../source/sources.ts'
import { tooMuchYaml } from '../yaml.ts'
import { checkDetectors } from './check.ts'
import type { CompiledRules } from './compiled.ts'
import { dataOf } from './indexed.ts'
import { isRules, modulesFor, readDocuments, readRules, readRulesModules, rulesData, rulesPackage } from './read-rules.ts'

type Applied = { readonly ok: true; readonly sources: Sources } | { readonly ok: false; readonly problems: readonly Problem[] }

const isOurs = (text: string): boolean => packageOf(text) === rulesPackage || packageOf(text) === `${rulesPackage}_test`

/** The source's own modules without copies of the shipped one; anything else in its package is refused. */
export const withoutRulesModules = async (own: Modules): Promise<{ modules: Modules; problems: Problem[] }> => {
  const taken = Object.entries(own).filter(([, text]) => isOurs(text))
  if (taken.length === 0) return { modules: own, problems: [] }
  const shipped = await readRulesModules()
  const problems = taken.filter(([path, text]) => shipped[path] !== text).map(([file, text]): Problem => ({
    stage: 'read', file, code: 'library_package', message: `package ${packageOf(text)} belongs to the gateway's own library, which asks rules.yaml`,
    remedy: 'give the package another name; for rules write rules.yaml',
  }))
  return { modules: Object.fromEntries(Object.entries(own).filter(([, text]) => !isOurs(text))), problems }
}

const without = (data: JsonObject, ...names: readonly string[]): Record<string, Json> => Object.fromEntries(Object.entries(data).filter(([name]) => !names.includes(name)))

/** Takes back what rules made of a source. */
const bare = (sources: Sources): Sources => {
  if (sources.rules === undefined) return sources
  const ofRules = sources.library.filter((path) => path.startsWith('policies/rules/'))
  const { thresholds } = readRules(Object.entries(sources.rules))
  const { rules: _, ...rest } = sources
  return {
    ...rest,
    modules: Object.fromEntries(Object.entries(sources.modules).filter(([path]) => !ofRules.includes(path))),
    library: sources.library.filter((path) => !ofRules.includes(path)),
    data: without(sources.data, rulesData, ...(thresholds === undefined ? [] : ['thresholds'])),
  }
}

/** A source with these rules beside its own: checked, written to its data, and with the modules that ask them. */
export const applyRules = async (given: Sources, more: Modules): Promise<Applied> => {
  const sources = bare(given)
  const texts = { ...given.rules, ...more }
  const much = tooMuchYaml(Object.entries(texts))
  if (much !== undefined) return { ok: false, problems: [{ stage: 'rules', code: 'too_large', ...much }] }
  const { compiled, thresholds, problems } = readRules(Object.entries(texts))
  if (problems.length > 0) return { ok: false, problems }
  const refuse = (code: string, message: string, remedy: string): Applied => ({ ok: false, problems: [{ stage: 'rules', code, message, remedy }] })
  if (Object.hasOwn(sources.data, rulesData)) return refuse('data_reserved', `the data may not have a member ${rulesData}, which is built from rules.yaml`, 'give the data another name')
  if (compiled === undefined) return { ok: true, sources }
  if (thresholds !== undefined && Object.hasOwn(sources.data, 'thresholds')) return refuse('rules_thresholds', 'there are thresholds in the data and in the rules', 'keep one of them')
  const modules = modulesFor(compiled, await readRulesModules())
  const taken = Object.keys(modules).find((path) => Object.hasOwn(sources.modules, path))
  if (taken !== undefined) return refuse('library_path', `the gateway's own library has a file ${taken}`, 'give the file another name')
  return {
    ok: true,
    sources: {
      ...sources,
      modules: { ...sources.modules, ...modules },
      library: [...sources.library, ...Object.keys(modules)],
      data: { ...sources.data, [rulesData]: dataOf(compiled), ...(thresholds === undefined ? {} : { thresholds }) },
      rules: texts,
    },
  }
}

/** Detectors that rules name and this gateway has not got. */
export const detectorProblems = ({ rules }: Sources, detectors: readonly string[]): readonly Problem[] =>
  rules === undefined ? [] : checkDetectors(readDocuments(Object.entries(rules)), detectors)

/** What the rules of a source were built into. */
export const compiledOf = ({ rules }: Sources): CompiledRules | undefined => (rules === undefined ? undefined : readRules(Object.entries(rules)).compiled)

/** What rules tell beside their messages, by rule id. */
export const textsOfRules = (sources: Sources): CompiledRules['texts'] => compiledOf(sources)?.texts ?? {}

/** What our own build wrote into a bundle beside its rules: the next build writes it anew, as this copy of the gateway would. */
export const takeBackRules = (files: Map<string, string>): void => {
  const texts = [...files].filter(([path]) => isRules(path))
  if (texts.length === 0) return
  for (const [path, text] of files) if (path.endsWith('.rego') && isOurs(text)) files.delete(path)
  const data = parseExactJson(files.get('data.json') ?? '{}')
  if (isObject(data)) files.set('data.json', JSON.stringify(without(data, rulesData, ...(readRules(texts).thresholds === undefined ? [] : ['thresholds']))))
}
