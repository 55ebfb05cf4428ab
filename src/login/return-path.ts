export const defaultPath = '/login'

/** A path of the gateway's own, or else its default page: `https://…`, `//…`, `/\…`, `javascript:…` and what a browser would read as one lead nowhere. */
export function localPath(text: unknown): string {
  if (typeof text !== 'string' || text.length > 4096 || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text) || text.includes('\\')) return defaultPath
  const base = 'https://gateway.invalid'
  const url = URL.parse(text, base)
  // `/.//evil` and the like become another path when they are read.
  return url === null || url.origin !== base || url.pathname.startsWith('//') ? defaultPath : `${url.pathname}${url.search}${url.hash}`
}
