export const defaultPath = '/login'
/** Every path of the gateway that somebody is sent back to is far shorter, and each is kept for whoever asks. */
const longest = 1024

/** A path of the gateway's own, or else its default page: `https://…`, `//…`, `/\…`, `javascript:…` and what a browser would read as one lead nowhere. */
export function localPath(text: unknown): string {
  if (typeof text !== 'string' || text.length > longest || !/^\/(?![/\\])[\x21-\x7e]*$/.test(text) || text.includes('\\')) return defaultPath
  const base = 'https://gateway.invalid'
  const url = URL.parse(text, base)
  // `/.//evil` and the like become another path when they are read.
  return url === null || url.origin !== base || url.pathname.startsWith('//') ? defaultPath : `${url.pathname}${url.search}${url.hash}`
}
