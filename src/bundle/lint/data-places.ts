import { LineCounter, isMap, isScalar, parseDocument } from 'yaml'
import type { Modules } from '../opa.ts'

interface Place {
  readonly file: string
  readonly row: number
  readonly col: number
}

/** Where in the files of a source a member of its data stands; JSON is YAML enough for that. */
export const createPlaces = (files: Modules): { find(path: readonly string[]): Partial<Place> } => {
  const find = (path: readonly string[]): Partial<Place> => {
    for (const [file, text] of Object.entries(files)) {
      const folders = file.split('/').slice(0, -1)
      const inner = path.slice(folders.length)
      const isBelow = folders.slice(0, path.length).every((folder, index) => folder === path[index])
      if (!isBelow) continue
      if (inner.length === 0) return { file, row: 1, col: 1 }
      const lines = new LineCounter()
      const document = parseDocument(text, { lineCounter: lines })
      const holder = inner.length === 1 ? document.contents : document.getIn(inner.slice(0, -1), true)
      const key = isMap(holder) ? holder.items.find(({ key }) => isScalar(key) && String(key.value) === inner.at(-1))?.key : undefined
      const start = isScalar(key) ? key.range?.[0] : undefined
      if (start === undefined) continue
      const { line, col } = lines.linePos(start)
      return { file, row: line, col }
    }
    return {}
  }
  return { find }
}
