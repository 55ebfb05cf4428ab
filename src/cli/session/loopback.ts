import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { html, makePage } from '../../page.ts'

export interface Listening {
  readonly redirectUri: string
  /** The address to which the browser came back with this `state`. */
  readonly back: Promise<URL>
  close(): void
}

function answer(response: ServerResponse, status: number, title: string, message: string, sent?: () => void): void {
  const { headers, text } = makePage({ title, body: html`<p>${message}</p>` })
  response.writeHead(status, { ...headers, connection: 'close' }).end(text, sent)
}

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
      return answer(response, 404, 'Nothing is here', 'This address waits for the end of a sign-in that was begun in a terminal.')
    }
    const [title, message] = url.searchParams.has('error') ? ['Not signed in', 'Nothing was allowed. You can close this window.'] : ['Go back to your terminal', 'You can close this window.']
    answer(response, 200, title, message, () => resolve(url))
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
