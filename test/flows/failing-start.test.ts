import { rmSync } from 'node:fs'
import { loadSettings } from '../../src/config/load.ts'
import type { Gateway } from '../../src/gateway.ts'
import type { Clock } from '../../src/model.ts'
import { openGateway } from '../../src/open.ts'
import { allowAll, quiet } from '../support/gateway.ts'
import { writeGatewayFiles } from '../support/gateway-files.ts'

const open = async (config: string, clock: Clock = Date.now): Promise<Gateway> => {
  const loaded = await loadSettings(config, { PATH: process.env['PATH'], HOME: process.env['HOME'] })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return openGateway({ settings: loaded.settings, secrets: loaded.secrets, logger: quiet, clock })
}
/** Why parts could not be opened by a clock that works so many times and then no more; undefined where they could. */
const failure = async (config: string, times: number): Promise<string | undefined> => {
  let left = times
  try {
    const gateway = await open(config, () => {
      left -= 1
      if (left === -1) throw new Error('the clock stands still')
      return Date.now()
    })
    left = Number.POSITIVE_INFINITY
    await gateway.close()
    return undefined
  } catch (fault) {
    return (fault as Error).message
  }
}
const settings = { workers: 1, logging: { level: 'error' } }
const parts = { upstreams: { stub: { url: 'http://127.0.0.1:9/mcp' } }, rego: { 'policies/open/open.rego': allowAll } }

describe.each([1, 2])('a start with %i serving that fails on the way', (workers) => {
  test('leaves nothing open, wherever that is: the next start in the same place fails alike, and a good one serves', async () => {
    const files = await writeGatewayFiles({ ...parts, settings: { ...settings, workers } })
    try {
      const why = 'the clock stands still'
      let places = 0
      for (; (await failure(files.config, places)) === why; places += 1) expect([places, await failure(files.config, places)]).toEqual([places, why])
      expect(await failure(files.config, places)).toBeUndefined()
      expect(places).toBeGreaterThan(1)
      const gateway = await open(files.config)
      await gateway.listen()
      expect((await fetch(`${files.url}/healthz`)).status).toBe(200)
      await gateway.close()
    } finally {
      rmSync(files.directory, { recursive: true, force: true })
    }
  })
})
