import { readFileSync } from 'node:fs'
import { Agent, buildConnector, fetch as fetchBy } from 'undici'
import { until } from '../support/conditions.ts'

/** Connections of one worker: whose a connection is, is told by the token of its first request, which nobody has to verify. */
export function fetchFrom(url: string, slot: number): typeof fetch {
  const { host } = new URL(url)
  const claims = Buffer.from(JSON.stringify({ iss: url, place: slot })).toString('base64url')
  const dial = buildConnector({})
  const dispatcher = new Agent({
    pipelining: 0,
    connect(options, callback) {
      dial(options, (...[fault, socket]) => {
        if (fault !== null) return callback(fault, null)
        let read = ''
        const lose = () => callback(new Error('its worker was killed'), null)
        const hear = (bytes: Buffer) => {
          read += bytes.toString('latin1')
          const [head = '', body] = read.split('\r\n\r\n')
          if (body === undefined || body.length < Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)) return
          socket.off('data', hear).off('close', lose).pause()
          callback(null, socket)
        }
        socket.on('data', hear).once('close', lose)
        socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer e30.${claims}.e30\r\n\r\n`)
      })
    },
  })
  const elsewhere: typeof fetch = fetch
  return ((target: string | URL, init: object = {}) => (new URL(target).host === host ? fetchBy(target, { ...init, dispatcher } as Parameters<typeof fetchBy>[1]) : elsewhere(target, init))) as unknown as typeof fetch // the same, of another copy of the library
}

const childrenOf = (pid: number): readonly number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return '' // it has just ended
  }
}
/** A worker of a gateway that this process started. */
export const pidOf = (slot: number): number | undefined => childrenOf(process.pid).find((pid) => new RegExp(`/src/worker\\.ts\0${slot}\0`).test(commandOf(pid)))

/** Resolves when another one serves in its place. */
export async function killWorker(url: string, slot: number): Promise<void> {
  const pid = pidOf(slot) ?? 0
  process.kill(pid, 'SIGKILL')
  await until(() => pidOf(slot) !== pid && pidOf(slot) !== undefined)
  await until(async () => (await fetch(`${url}/readyz`)).status === 200)
}
