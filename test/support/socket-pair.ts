import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A server's end and the gateway's. */
export async function socketPair(): Promise<{ readonly server: Socket; readonly reader: Socket; close(): void }> {
  const listening = createServer().listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const reader = connect((listening.address() as AddressInfo).port, '127.0.0.1')
  const [server] = (await once(listening, 'connection')) as [Socket]
  return { server, reader, close: () => (reader.destroy(), server.destroy(), void listening.close()) }
}

/** As long as this process stands still, nothing that arrives is read. */
export const standStill = (milliseconds: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
