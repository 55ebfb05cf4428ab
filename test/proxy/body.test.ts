import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { MemoryFound } from './body-memory.ts'

describe('the body of a request', () => {
  let found: MemoryFound
  beforeAll(async () => {
    const child = fork(new URL('./body-memory.ts', import.meta.url), { execArgv: ['--expose-gc'] })
    ;[found] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => Promise.reject(new Error(`ended with ${code}`)))])) as [MemoryFound]
  })

  test('takes about as much memory as it has bytes, in however small pieces it comes', () => {
    const { size, taken, isWhole } = found.pieces
    expect(taken).toBeLessThan(8 * size)
    expect(isWhole).toBe(true)
  })

  test('that is refused while it arrives is not kept until the rest has come', () => {
    const { each, taken, outcomes } = found.refused
    expect(outcomes).toEqual(Array(17).fill('refused'))
    expect(taken).toBeLessThan(4 * each)
  })
})
