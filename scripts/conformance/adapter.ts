import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Adapter {
  readonly url: string
  close(): Promise<void>
}

/**
 * The suites send no token: this adds one on the way to the gateway, and changes nothing else. A host or origin that names this
 * address names the gateway's instead; any other is passed on, so that the gateway's own checks of them are what is tested.
 */
export async function startAdapter(target: string, token: string): Promise<Adapter> {
  const { hostname, port, pathname } = new URL(target)
  const server = http.createServer((request, response) => {
    const own = `:${(server.address() as AddressInfo).port}`
    const renamed = ['host', 'origin'].flatMap((name) => {
      const value = request.headers[name]
      return typeof value === 'string' && value.endsWith(own) ? [[name, value.slice(0, -own.length) + `:${port}`]] : []
    })
    const headers = { ...request.headers, ...Object.fromEntries(renamed), authorization: `Bearer ${token}` }
    const forwarded = http.request({ hostname, port, path: pathname, method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
      response.flushHeaders()
      answer.pipe(response)
    })
    forwarded.once('error', () => response.destroy())
    // Who leaves here leaves there: in the newer era that is a cancellation.
    response.once('close', () => forwarded.destroy())
    request.pipe(forwarded)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
