import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** Takes decision logs as a server of OPA's does. */
export interface LogReceiver<Logged> {
  readonly url: string
  /** Every decision that came, in its order. */
  readonly logged: readonly Logged[]
  /** Resolves with the first decision that is so, whether it has come or comes yet. */
  arrived(holds: (each: Logged) => boolean): Promise<Logged>
  close(): Promise<void>
}

export async function startLogReceiver<Logged>(): Promise<LogReceiver<Logged>> {
  const logged: Logged[] = []
  const arrivals = new EventTarget()
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    logged.push(...JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()))
    response.writeHead(200).end()
    arrivals.dispatchEvent(new Event('arrived'))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    logged,
    async arrived(holds) {
      for (;;) {
        const found = logged.find(holds)
        if (found !== undefined) return found
        await new Promise((next) => arrivals.addEventListener('arrived', next, { once: true }))
      }
    },
    close: () => new Promise((done) => server.close(() => done())),
  }
}
