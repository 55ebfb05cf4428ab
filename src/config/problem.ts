/** One thing that is wrong or weak in the configuration. It never contains a secret. */
export interface Problem {
  /** Such as `upstreams.crm.url`, or the name of a file or variable. */
  readonly path: string
  readonly line?: number
  readonly column?: number
  readonly found?: string
  /** Reads after the word "expected". */
  readonly expected: string
}

export type Steps = readonly (string | number)[]

export const showPath = (steps: Steps): string =>
  steps.map((step, index) => (typeof step === 'number' ? `[${step}]` : /^[\w-]+$/.test(step) ? `${index === 0 ? '' : '.'}${step}` : `[${JSON.stringify(step)}]`)).join('')

/** One line for people: `sallyport.yaml:12:3 upstreams.crm.url: found "x", expected …`. */
export const showProblem = (file: string, { path, line, column, found, expected }: Problem): string => {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`
  return `${place}${path === '' ? ': ' : ` ${path}: `}${found === undefined ? '' : `found ${found}, `}expected ${expected}`
}
