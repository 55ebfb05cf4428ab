import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Pieces } from '../../src/upstream/pieces.ts'
import type { PiecesFound } from './pieces-memory.ts'

test('an answer takes about as much memory as it has bytes, in however small pieces it comes', async () => {
  const child = fork(new URL('./pieces-memory.ts', import.meta.url), { execArgv: ['--expose-gc', '--no-warnings'] })
  const [found] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(([code]) => Promise.reject(new Error(`ended with ${code}`)))])) as [readonly PiecesFound[]]
  expect(found).toHaveLength(2)
  for (const { size, taken, isWhole } of found) {
    expect(isWhole).toBe(true)
    expect(taken).toBeLessThan(8 * size)
  }
})

test.each([0, 1, 2, 999, 1000, 1001, 2500])('%d pieces come out as they went in', (count) => {
  const pieces = new Pieces()
  const all = Array.from({ length: count }, (_, at) => Buffer.from(`${at} `))
  for (const piece of all) pieces.add(piece)
  expect(pieces.size).toBe(Buffer.concat(all).length)
  expect(Buffer.from(pieces.take())).toEqual(Buffer.concat(all))
  expect(pieces.size).toBe(0)
})
