import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Listening {
  readonly redirectUri: string
  /** The address to which the browser came back with this `state`. */
  readonly back: Promise<URL>
  close(): void
}

const page = (title: string, text: string): string => `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<body style="font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark"><h1>${title}</h1><p>${text}</p>`
const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'", 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', connection: 'close' }

/** RFC 8252 section 7.3: a port of the system's choice, on the loopback address itself, for one answer. */
export async function listenOnce(state: string): Promise<Listening> {
  const { promise: back, resolve } = Promise.withResolvers<URL>()
  const server = createServer({ maxHeaderSize: 16 * 1024 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  server.on('request', ({ method, headers: { host }, url: path = '' }, response) => {
    const url = URL.parse(path, origin)
    // Any page in a browser can send anything here: what was not asked for ends nothing.
    if (method !== 'GET' || `http://${host}` !== origin || url?.origin !== origin || url.pathname !== '/callback' || url.searchParams.get('state') !== state) {
      response.writeHead(404, headers).end(page('Nothing is here', 'This address waits for the end of a sign-in that was begun in a terminal.'))
      return
    }
    const isRefused = url.searchParams.has('error')
    response.writeHead(200, headers).end(isRefused ? page('Not signed in', 'Nothing was allowed. You can close this window.') : page('Go back to your terminal', 'You can close this window.'), () => resolve(url))
  })
  return {
    redirectUri: `${origin}/callback`,
    back,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
