import { readFile, readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../model.ts'
import type { Problem } from '../problem.ts'
import { checkRules } from './check.ts'
import { compileRules } from './compile.ts'
import { moduleOf, type CompiledRules } from './compiled.ts'
import { readRulesDocument, type RulesDocument } from './document.ts'
import { list } from './names.ts'
import type { RulesFile } from './schema.ts'

/** The member of `data` that rules are built into. */
export const rulesData = 'rules'
export const rulesPackage = 'policies.rules'
const folder = 'policies/rules'

/** `rules.yaml`, and `<name>.rules.yaml` where there are several. */
export const isRules = (path: string): boolean => /(?:^|\/)(?:[^/]+\.)?rules\.ya?ml$/.test(path)

export interface Rules {
  readonly documents: readonly RulesDocument[]
  /** Undefined where there is no file, or a problem. */
  readonly compiled: CompiledRules | undefined
  readonly thresholds: JsonObject | undefined
  readonly problems: readonly Problem[]
}

const joined = (files: readonly RulesFile[]): RulesFile => {
  const thresholds = files.find((file) => file.thresholds !== undefined)?.thresholds
  return {
    allow: files.flatMap((file) => file.allow ?? []),
    deny: files.flatMap((file) => file.deny ?? []),
    require_approval: files.flatMap((file) => file.require_approval ?? []),
    risk: files.flatMap((file) => file.risk ?? []),
    mask: files.flatMap((file) => file.mask ?? []),
    roles: files.flatMap((file) => file.roles ?? []),
    ...(thresholds === undefined ? {} : { thresholds }),
  }
}

export const readDocuments = (texts: Iterable<readonly [string, string]>): readonly RulesDocument[] =>
  [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, text]) => readRulesDocument(path, text))

/** All files of rules together: an id is taken in all of them. */
export const readRules = (texts: Iterable<readonly [string, string]>): Rules => {
  const documents = readDocuments(texts)
  const problems = [...documents.flatMap((document) => document.problems), ...checkRules(documents)]
  if (documents.length === 0 || problems.length > 0) return { documents, compiled: undefined, thresholds: undefined, problems }
  const file = joined(documents.flatMap(({ rules }) => rules ?? []))
  const { thresholds } = file
  return {
    documents, problems, compiled: compileRules(file),
    thresholds: thresholds && { ...thresholds, ...(thresholds.reviewers === undefined ? {} : { reviewers: list(thresholds.reviewers) }) } as JsonObject | undefined,
  }
}

/** The shipped modules by path, their tests too. */
export const readRulesModules = async (): Promise<Readonly<Record<string, string>>> => {
  const place = fileURLToPath(new URL(`../../../rego/${folder}/`, import.meta.url))
  const names = (await readdir(place)).filter((name) => name.endsWith('.rego'))
  return Object.fromEntries(await Promise.all(names.map(async (name) => [`${folder}/${name}`, await readFile(`${place}${name}`, 'utf8')] as const)))
}

/** Those of the modules that the rules need: what is not compiled reads nothing of a message. */
export const modulesFor = ({ kinds }: CompiledRules, shipped: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const wanted = new Set(['rules', ...kinds.map((kind) => moduleOf[kind])].map((name) => `${folder}/${name}.rego`))
  return Object.fromEntries(Object.entries(shipped).filter(([path]) => wanted.has(path)))
}
