import { isMap, isScalar } from 'yaml'
import type { Modules } from '../opa.ts'
import { readYaml } from '../yaml.ts'
import type { Yaml } from '../yaml.ts'

interface Place {
  readonly file: string
  readonly row: number
  readonly col: number
}

/** Where in the files of a source a member of its data stands; JSON is YAML enough for that, and where it is not or is long, the file will do. */
export const createPlaces = (files: Modules): { find(path: readonly string[]): Partial<Place> } => {
  const read = new Map<string, Yaml>()
  const readFile = (file: string, text: string): Yaml => {
    const yaml = read.get(file) ?? readYaml(text)
    read.set(file, yaml)
    return yaml
  }
  const find = (path: readonly string[]): Partial<Place> => {
    for (const [file, text] of Object.entries(files)) {
      const folders = file.split('/').slice(0, -1)
      const inner = path.slice(folders.length)
      const isBelow = folders.slice(0, path.length).every((folder, index) => folder === path[index])
      if (!isBelow) continue
      if (inner.length === 0) return { file, row: 1, col: 1 }
      const { document, faults, at } = readFile(file, text)
      if (document === undefined || faults.length > 0) return { file }
      const holder = inner.length === 1 ? document.contents : document.getIn(inner.slice(0, -1), true)
      const key = isMap(holder) ? holder.items.find(({ key: one }) => isScalar(one) && String(one.value) === inner.at(-1))?.key : undefined
      const start = isScalar(key) ? key.range?.[0] : undefined
      if (start !== undefined) return { file, ...at(start) }
    }
    return {}
  }
  return { find }
}
