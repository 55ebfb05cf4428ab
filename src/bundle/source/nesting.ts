import type { Problem } from '../problem.ts'

/** Far more than anybody writes; at a few thousand OPA's parser has no stack left, and some compile in a time that doubles with each level. */
const deepest = 100

/** The first place where brackets are nested too deep for anybody to compile; texts and comments are passed over. */
export const nestingProblem = (file: string, text: string): Problem | undefined => {
  let [depth, row, start] = [0, 1, 0]
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '\n':
        row += 1
        start = at + 1
        break
      case '#': {
        const end = text.indexOf('\n', at)
        at = (end < 0 ? text.length : end) - 1
        break
      }
      case '"':
        for (at += 1; at < text.length && text[at] !== '"' && text[at] !== '\n'; at += 1) if (text[at] === '\\') at += 1
        if (text[at] === '\n') at -= 1
        break
      case '`':
        for (at += 1; at < text.length && text[at] !== '`'; at += 1) {
          if (text[at] !== '\n') continue
          row += 1
          start = at + 1
        }
        break
      case '(': case '[': case '{':
        depth += 1
        if (depth > deepest) return { stage: 'read', file, row, col: at - start + 1, code: 'too_deep', message: `brackets are nested more than ${deepest} deep`, remedy: 'write parts of it as rules of their own' }
        break
      case ')': case ']': case '}':
        depth -= 1
    }
  }
  return undefined
}
