import { messageOf } from '../errors.ts'
import { isObject, parseExactJson } from '../exact-json.ts'
import type { Json, JsonObject } from '../model.ts'
import type { Files } from './source/sources.ts'
import type { Problem } from './problem.ts'
import { isBoundless, readYaml, tooDeep } from './yaml.ts'

const fromYaml = (value: unknown): Json => {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : JSON.rawJSON(String(value))
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} is not a number that JSON knows`)
  if (Array.isArray(value)) return value.map(fromYaml)
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fromYaml(member)]))
  return value as Json
}

export const parseData = (path: string, text: string): unknown => {
  if (path.endsWith('.json')) {
    const value = parseExactJson(text)
    if (isBoundless(value)) throw new Error(tooDeep)
    return value
  }
  const { value, faults: [fault], at } = readYaml(text, { intAsBigInt: true })
  if (fault === undefined) return fromYaml(value)
  const { row, col } = at(fault.offset)
  throw new Error(`${fault.message} at line ${row}, column ${col}${fault.remedy === undefined ? '' : `; ${fault.remedy}`}`)
}

const names = new Set(['data.json', 'data.yaml', 'data.yml'])
export const isData = (path: string): boolean => names.has(path.slice(path.lastIndexOf('/') + 1))
export const isYamlData = (path: string): boolean => isData(path) && !path.endsWith('.json')

const merge = (into: Record<string, unknown>, from: Record<string, unknown>, at: string): string | undefined => {
  for (const [name, value] of Object.entries(from)) {
    const there = Object.hasOwn(into, name) ? into[name] : undefined
    if (there === undefined) Object.defineProperty(into, name, { value, enumerable: true, configurable: true, writable: true })
    else if (!isObject(there) || !isObject(value)) return `${at}/${name}`
    else {
      const clash = merge(there, value, `${at}/${name}`)
      if (clash) return clash
    }
  }
  return undefined
}

/** Each `data.json` or `data.yaml` stands at the path of its folder, as in OPA's bundles. */
export const readData = (files: Files): { data: JsonObject; problems: Problem[] } => {
  const data: Record<string, unknown> = {}
  const problems: Problem[] = []
  for (const [path, text] of files) {
    if (!isData(path)) continue
    const refuse = (code: string, message: string): number => problems.push({ stage: 'read', file: path, code, message })
    try {
      const read = parseData(path, text)
      if (!isObject(read)) {
        refuse('data_shape', 'the data must be an object')
        continue
      }
      const placed = path.split('/').slice(0, -1).reduceRight<Record<string, unknown>>((inner, folder) => ({ [folder]: inner }), read)
      const clash = merge(data, placed, '')
      if (clash) refuse('data_twice', `${clash} is given twice`)
    } catch (fault) {
      refuse('data_syntax', `cannot be read: ${messageOf(fault)}`)
    }
  }
  return { data: data as JsonObject, problems }
}
