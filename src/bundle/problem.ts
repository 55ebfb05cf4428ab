/** Where in the pipeline something was found. */
export type Stage = 'fetch' | 'verify' | 'read' | 'rules' | 'check' | 'semantics' | 'lint' | 'fmt' | 'test' | 'build' | 'cases' | 'sign' | 'order' | 'activate'

/** What keeps a source from becoming the active bundle, or (as a warning) what its author should know. */
export interface Problem {
  readonly stage: Stage
  /** Relative to the source's directory. */
  readonly file?: string
  readonly row?: number
  readonly col?: number
  readonly code: string
  readonly message: string
  readonly remedy?: string
}

/** `file:row:col: message`, then what to do about it. */
export const problemText = (problem: Problem): string => {
  const { file, row, col, code, message, remedy } = problem
  const place = file === undefined ? '' : `${[file, ...(row ? [row] : []), ...(row && col ? [col] : [])].join(':')}: `
  const lines = message.split('\n').map((line, at) => (at === 0 ? line : `    ${line}`))
  return [`${place}${lines.join('\n')} [${code}]`, ...(remedy ? [`  → ${remedy}`] : [])].join('\n')
}
