import { createServer } from 'node:net'

/** Below the ports that systems hand out by themselves, so that nothing else of these tests comes to stand on one before it is used. */
const from = 20_000
const count = 12_000
const given = new Set<number>()

/** A port of the loopback on which nothing listens, and that nobody else in this process was given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = from + Math.floor(Math.random() * count)
    if (given.has(port)) continue
    given.add(port)
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}
