import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface DemoProcess {
  readonly url: string
  close(): Promise<void>
}

/** `sallyport demo` as anybody starts it, with its state below `cwd`. */
export async function startDemo(cwd: string): Promise<DemoProcess> {
  const child = spawn(process.execPath, [main, 'demo', '--json', '--port', String(await freePort())], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const line = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), exited.then(() => undefined)])
  if (line === undefined) throw new Error('the demo did not start')
  const { url } = JSON.parse(String(line[0])) as { url: string }
  return {
    url,
    async close() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
