import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { start } from '../../bench/processes.ts'
import { createSender, modernHeaders, modernText } from '../../test/campaigns/client.ts'

const most = 50
const open = 4

export interface LargeRate {
  readonly mebibytesPerSecond: number
  readonly answers: number
  /** Answers that were not whole, not masked, or no answers; shed ones are counted apart. */
  readonly wrong: readonly string[]
  readonly shed: number
}

/** Answers of a mebibyte, at most so many a second and so many at once. */
export async function askForLarge(url: string, token: string, perSecond: number, seconds: number, masked: boolean): Promise<LargeRate> {
  const sender = createSender(url, token)
  const wrong: string[] = []
  let bytes = 0
  let answers = 0
  let shed = 0
  const began = performance.now()
  const ask = async () => {
    const { status, body } = await sender.send(modernText(1, 'tools/call', '"name":"large","arguments":{}'), modernHeaders('tools/call', 'large'))
    bytes += body.length
    answers += 1
    if (status === 503) shed += 1
    else if (status !== 200 || body.length < 900_000 || body.includes('4111 1111') === masked || body.includes('536-90-4399') === masked) wrong.push(`${status} ${body.slice(0, 200)}`)
  }
  await Promise.all(Array.from({ length: open }, async () => {
    while (performance.now() - began < seconds * 1_000) {
      if (answers > ((performance.now() - began) / 1_000) * perSecond) await wait(10)
      else await ask()
    }
  }))
  sender.close()
  return { mebibytesPerSecond: bytes / 1024 / 1024 / ((performance.now() - began) / 1_000), answers, wrong, shed }
}

/** What a proxy that passes bytes through sustains here and now, up to 50 a second. */
export async function bareRate(server: string): Promise<number> {
  const bare = await start('the bare proxy', [fileURLToPath(new URL('../../bench/bare.ts', import.meta.url)), server], /^port (\d+)/, { cwd: import.meta.dirname })
  const { mebibytesPerSecond } = await askForLarge(`http://127.0.0.1:${bare.said}/mcp`, 'none', most, 5, false)
  await bare.stop()
  return Math.min(most, mebibytesPerSecond)
}
