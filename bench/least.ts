/**
 * The least that a gateway can be which keeps what passes: it reads each message, makes it durable, and sends it on. It judges nothing, looks
 * for nothing, knows nobody, and its journal can only be appended to. What it costs is the price of the promise alone. It prints its port.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Pool } from 'undici'

if (isMainThread) serve(process.argv[2] ?? '', process.argv[3] ?? '')
else writeBatches(String(workerData))

function writeBatches(path: string): void {
  const file = openSync(path, 'a', 0o600)
  parentPort?.on('message', (batch: readonly string[]) => {
    writeSync(file, `${batch.join('\n')}\n`)
    fdatasyncSync(file)
    parentPort?.postMessage('durable')
  })
  parentPort?.once('close', () => closeSync(file))
}

/** While one batch is written the next gathers. */
function openJournal(path: string): (text: string) => Promise<void> {
  interface Waiting {
    readonly text: string
    readonly resolve: () => void
  }
  const thread = new Worker(new URL(import.meta.url), { workerData: path })
  let waiting: Waiting[] = []
  let written: Waiting[] = []
  let isDue = false
  const flush = () => {
    isDue = false
    if (waiting.length === 0 || written.length > 0) return
    written = waiting
    waiting = []
    thread.postMessage(written.map(({ text }) => text))
  }
  thread.on('message', () => {
    for (const { resolve } of written.splice(0)) resolve()
    flush()
  })
  return (text) =>
    new Promise((resolve) => {
      waiting.push({ text, resolve })
      if (isDue || written.length > 0) return
      isDue = true
      setImmediate(flush)
    })
}

function serve(target: string, path: string): void {
  const { origin, pathname } = new URL(target)
  const pool = new Pool(origin, { connections: 256 })
  const append = openJournal(path)
  const passed = ['accept', 'content-type', 'mcp-session-id', 'mcp-protocol-version'] as const

  const pass = async (request: IncomingMessage, body: string, response: ServerResponse): Promise<void> => {
    JSON.parse(body)
    await append(body)
    const headers = Object.fromEntries(passed.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, String(request.headers[name])]])))
    const answer = await pool.request({ method: 'POST', path: pathname, headers, body })
    const text = await answer.body.text()
    const type = String(answer.headers['content-type'] ?? '')
    if (text !== '') {
      JSON.parse(type.startsWith('text/event-stream') ? (text.split('\n').findLast((line) => line.startsWith('data: {')) ?? '').slice(6) : text)
      await append(text)
    }
    const id = answer.headers['mcp-session-id']
    response.writeHead(answer.statusCode, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...(id === undefined ? {} : { 'mcp-session-id': id }) }).end(text)
  }
  const server = http.createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      pass(request, Buffer.concat(chunks).toString(), response).catch((cause: unknown) => {
        process.stderr.write(`${String(cause)}\n`)
        response.destroy()
      })
    })
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
  process.once('disconnect', () => process.exit(0))
}
