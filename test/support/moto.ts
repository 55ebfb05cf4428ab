import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { motoServer } from '../../scripts/needs.ts'
import { freePort } from './free-port.ts'
import { until } from './conditions.ts'

export interface Moto {
  readonly url: string
  close(): Promise<void>
}

/** AWS as moto plays it, with an empty account. */
export async function startMoto(): Promise<Moto> {
  const program = motoServer()
  if (!existsSync(program)) throw new Error('moto is not there: `node scripts/needs.ts` brings it')
  const port = await freePort()
  const child = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await until(async () => (await fetch(`${url}/moto-api/`).catch(() => undefined))?.ok === true)
  return {
    url,
    async close() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}
