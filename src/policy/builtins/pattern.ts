/** Patterns as Go's regexp reads them, for an engine that reads some of them otherwise. */
import { RE2JS } from 're2js'

export interface Pattern {
  readonly regex: RE2JS
  /** By the number of the group; Go takes a name more than once. */
  readonly names: readonly (string | undefined)[]
}

/** What Go reads otherwise than others of its kind, in a pattern that is text or its bytes. */
export const isOdd = (pattern: string): boolean => /\\[BCpP]|\(\?P?</.test(pattern)

const classes = 5_000
const folding = 4
/** What reading classes of letters takes beside all else: they are tables of hundreds of ranges, which are gone through again to leave cases out of account. */
export function classFuel(pattern: string): number {
  const count = pattern.match(/\\[pP]/g)?.length ?? 0
  return count === 0 ? 0 : count * classes * (/\(\?\w*i/.test(pattern) ? folding : 1)
}

/** Undefined for what is no pattern. */
export function compileAsGo(pattern: string): Pattern | undefined {
  try {
    const { text, names } = isOdd(pattern) ? translated(pattern) : { text: pattern, names: [] }
    return { regex: RE2JS.compile(text), names }
  } catch {
    return undefined
  }
}

const pieces = /\\Q[^]*?(?:\\E|$)|\\[pP](?:\{([^}]*)\}|([^]))|\\[^]|\[:\^?\w+:\]|\[\^?\]?|\]|\(\?P?<(\w+)>|\((?!\?)/gu

/** Classes get the names that every engine knows, and groups lose theirs. */
function translated(pattern: string): { readonly text: string; readonly names: readonly (string | undefined)[] } {
  const names: (string | undefined)[] = [undefined]
  let inClass = false
  const text = pattern.replace(pieces, (piece: string, braced: string | undefined, single: string | undefined, name: string | undefined) => {
    const unicode = braced ?? single
    if (unicode !== undefined) return unicodeClass(piece[1] === 'P', unicode, inClass)
    if (piece === ']') inClass = false
    else if (piece.startsWith('[') && !piece.startsWith('[:')) inClass = true
    else if (piece.startsWith('(') && !inClass) {
      names.push(name)
      return '('
    }
    return piece
  })
  return { text, names }
}

function unicodeClass(negated: boolean, written: string, inClass: boolean): string {
  const inverted = written.startsWith('^')
  const name = canonical(inverted ? written.slice(1) : written)
  if (!/^\w+$/.test(name)) throw new Error('a class without a name')
  const isNot = negated !== inverted
  if (name === 'Ascii') return inClass ? `[:${isNot ? '^' : ''}ascii:]` : `[[:${isNot ? '^' : ''}ascii:]]`
  const assigned = name === 'Assigned'
  return `\\${isNot !== assigned ? 'P' : 'p'}{${assigned ? 'Cn' : (aliases.get(name) ?? name)}}`
}

/** Go leaves out what separates words; so no script of two words has a name there. */
function canonical(name: string): string {
  const bare = name.replace(/[_ -]/g, '')
  return bare.slice(0, 1).replace(/[a-z]/, (letter) => letter.toUpperCase()) + bare.slice(1).replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

const aliases: ReadonlyMap<string, string> = new Map(
  Object.entries({
    LC: 'Lc Casedletter', Pe: 'Closepunctuation', M: 'Combiningmark Mark', Pc: 'Connectorpunctuation', Cc: 'Control Cntrl', Sc: 'Currencysymbol', Pd: 'Dashpunctuation',
    Nd: 'Decimalnumber Digit', Me: 'Enclosingmark', Pf: 'Finalpunctuation', Cf: 'Format', Pi: 'Initialpunctuation', L: 'Letter', Nl: 'Letternumber', Zl: 'Lineseparator',
    Ll: 'Lowercaseletter', Sm: 'Mathsymbol', Lm: 'Modifierletter', Sk: 'Modifiersymbol', Mn: 'Nonspacingmark', N: 'Number', Ps: 'Openpunctuation', C: 'Other', Lo: 'Otherletter',
    No: 'Othernumber', Po: 'Otherpunctuation', So: 'Othersymbol', Zp: 'Paragraphseparator', Co: 'Privateuse', P: 'Punctuation Punct', Z: 'Separator', Zs: 'Spaceseparator',
    Mc: 'Spacingmark', Cs: 'Surrogate', S: 'Symbol', Lt: 'Titlecaseletter', Cn: 'Unassigned', Lu: 'Uppercaseletter',
  }).flatMap(([category, names]) => names.split(' ').map((name) => [name, category] as const)),
)
