/** Asks a running Node process through its inspector: for a collection of garbage, the heap in use, or a CPU profile. */
import type { Running } from './processes.ts'

export interface Inspector {
  call(method: string, params?: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>
  close(): void
}

export async function inspect({ child, pid }: Running): Promise<Inspector> {
  const told = new Promise<string>((resolve) => {
    const listen = (chunk: Buffer) => {
      const url = /ws:\/\/\S+/.exec(chunk.toString())?.[0]
      if (url === undefined) return
      child.stderr?.off('data', listen)
      resolve(url)
    }
    child.stderr?.on('data', listen)
  })
  process.kill(pid, 'SIGUSR1')
  const socket = new WebSocket(await told)
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  const waiting = new Map<number, (result: Readonly<Record<string, unknown>>) => void>()
  let last = 0
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: Record<string, unknown> }
    if (id !== undefined) waiting.get(id)?.(result ?? {})
  })
  return {
    call: (method, params = {}) =>
      new Promise((resolve) => {
        const id = ++last
        waiting.set(id, resolve)
        socket.send(JSON.stringify({ id, method, params }))
      }),
    close: () => socket.close(),
  }
}
