/** Paths begin at the directory of the configuration: the whole one shows where that was looked for. */
export const unreadable = (file: string, code: string | undefined): { readonly found: string; readonly expected: string } => ({
  found: code === 'ENOENT' ? `no file ${file}` : `a file that cannot be read: ${file} (${code ?? 'error'})`,
  expected: 'a readable file',
})
