import { suggest } from '../nearest.ts'

/** What the library offers to policies; whatever else is in it is its own. */
const helpers = ['arg', 'at', 'exceeds', 'hour', 'in_group', 'items', 'matches', 'only', 'size', 'within']

const ofUndefinedFunction = (name: string): string => {
  const [, shortened, whole] = /^(?:sallyport\.(\w+)|data\.sallyport\.(\w+))$/.exec(name) ?? []
  if (shortened !== undefined) return 'write `import data.sallyport` below the package'
  const near = whole === undefined ? undefined : suggest(whole, helpers)
  if (near !== undefined) return `did you mean sallyport.${near}?`
  if (whole !== undefined) return `the helpers are ${helpers.join(', ')}`
  return 'see how it is spelt, and that what it comes from is imported'
}

/** What to do about what OPA's checker says, where its own words are for those who know Rego. */
export const remedyOf = (code: string, message: string): string | undefined => {
  const undefinedFunction = /^undefined function (\S+)/.exec(message)?.[1]
  if (undefinedFunction !== undefined) return ofUndefinedFunction(undefinedFunction)
  const unsafe = /^var (\S+) is unsafe/.exec(message)?.[1]
  if (unsafe === 'sallyport') return ofUndefinedFunction('sallyport.arg')
  if (unsafe !== undefined) return `nothing gives ${unsafe} a value: see how it is spelt, and whether \`input.\` or an import is missing`
  if (/^`(?:if|contains)` keyword is required/.test(message)) return 'this is written as before Rego v1: write `allow if { … }` and `deny contains {"code": "…"} if { … }`'
  if (code === 'rego_parse_error' && message.startsWith('unexpected eof')) return 'a bracket or brace that was opened is not closed'
  if (/^import \S+ unused/.test(message)) return 'leave it out'
  if (/^assigned var \S+ unused/.test(message)) return 'use it, or leave it out'
  return undefined
}
