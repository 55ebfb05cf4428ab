import { costOfComplaint } from './noise.ts'

const longest = 2_000
/** No key has more lines than this. */
const mostLines = 1_000
/** It comes back where nothing that was found reaches to the end of a text. */
const mark = '\n.'

/** What a child writes on its standard error, to be told line by line: what was found begins in one line and may end in another. Answers what was looked at for a line. */
export function createComplaints(redactText: (text: string) => string, tell: (line: string) => void): (line: Uint8Array) => number {
  let opening: string | undefined
  let lines = 0

  const say = (text: string): void => tell(text.slice(0, longest))
  const inside = (text: string, from: string): void => {
    lines += 1
    const told = redactText(`${from}\n${text}${mark}`)
    if (!told.endsWith(mark)) {
      if (lines >= mostLines) opening = undefined
      return
    }
    opening = undefined
    const before = redactText(from)
    const rest = told.slice(told.startsWith(before) ? before.length : 0, -mark.length)
    if (rest.trim() !== '') say(rest)
  }
  return (line) => {
    const text = Buffer.from(line).toString('utf8')
    const cost = costOfComplaint(text.length + (opening?.length ?? 0))
    if (opening !== undefined) {
      inside(text, opening)
      return cost
    }
    const told = redactText(text + mark)
    const isWhole = told.endsWith(mark)
    if (!isWhole) {
      opening = text
      lines = 0
    }
    say(isWhole ? told.slice(0, -mark.length) : told)
    return cost
  }
}
