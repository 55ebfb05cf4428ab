const longest = 2_000
/** No key has more lines than this. */
const mostLines = 1_000
/** It comes back where nothing that was found reaches to the end of a text. */
const mark = '\n.'

/** What a child writes on its standard error, to be told line by line: what was found begins in one line and may end in another. */
export function createComplaints(redactText: (text: string) => string, tell: (line: string) => void): (line: Uint8Array) => void {
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
    if (opening !== undefined) return inside(text, opening)
    const told = redactText(text + mark)
    if (told.endsWith(mark)) return say(told.slice(0, -mark.length))
    opening = text
    lines = 0
    say(told)
  }
}
