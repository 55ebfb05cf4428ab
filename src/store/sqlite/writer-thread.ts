import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { Logger } from '../../model.ts'
import type { Command, Report, ThreadOptions } from './ops.ts'

export interface WriterThread {
  tell(command: Command): void
  terminate(): Promise<unknown>
}

/** Starts the thread that writes. Once it is gone, nothing more is heard of it. */
export function startWriterThread(options: ThreadOptions, heard: { report(report: Report): void; gone(code: number): void }, logger: Logger): WriterThread {
  const { port1: port, port2 } = new MessageChannel()
  port.on('message', heard.report)
  const workerData: ThreadOptions & { readonly port: MessagePort } = { ...options, port: port2 }
  const worker = new Worker(new URL('./writer.ts', import.meta.url), { workerData, transferList: [port2], name: 'store-writer' })
  worker.on('error', (error) => logger.error('the writer thread failed', { why: error.message }))
  worker.on('exit', (code) => {
    port.close()
    heard.gone(code)
  })
  return { tell: (command) => port.postMessage(command), terminate: () => worker.terminate() }
}
