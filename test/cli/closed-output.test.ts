import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createPlace, good, writeConfiguration } from '../config/configuration.ts'

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** `validate --json`, with a standard output that takes nothing. */
const validate = async (configuration: Parameters<typeof writeConfiguration>[1], stdout: 'pipe' | number): Promise<{ code: number; err: string }> => {
  const file = await writeConfiguration(await createPlace(), configuration)
  const child = spawn(process.execPath, [program, 'validate', '--json', '--config', file], { stdio: ['ignore', stdout, 'pipe'], timeout: 60_000 })
  child.stdout?.destroy()
  const [err, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')]) // stderr is a pipe
  return { code: code as number, err }
}

test('a reader that stops, as head does, is no fault, and the exit code is that of the answer', async () => {
  expect(await validate(good(), 'pipe')).toEqual({ code: 0, err: '' })
  expect(await validate({ ...good(), listn: {} }, 'pipe')).toEqual({ code: 1, err: '' })
})

const whereFull = existsSync('/dev/full') ? test : test.skip
whereFull('a result that cannot be written is no result: 3', async () => {
  const { code, err } = await validate(good(), openSync('/dev/full', 'w'))
  expect(code).toBe(3)
  expect(err.split('\n')).toHaveLength(2)
})
