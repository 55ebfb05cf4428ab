import { Abort, toPlatform } from '../src/abort.ts'

test('whoever listens is told once, and whoever left is not', () => {
  const abort = new Abort()
  const told: string[] = []
  const left = () => told.push('left')
  abort.addEventListener('abort', () => told.push('stayed'))
  abort.addEventListener('abort', left)
  abort.removeEventListener('abort', left)
  abort.abort('first')
  abort.abort('second')
  abort.addEventListener('abort', () => told.push('late'))
  expect(told).toEqual(['stayed'])
  expect(abort.signal).toMatchObject({ aborted: true, reason: 'first' })
})

test.each(['before', 'after'])('the platform\'s signal aborts with it: %s', (when) => {
  const abort = new Abort()
  const reason = new Error('enough')
  if (when === 'before') abort.abort(reason)
  const signal = toPlatform(abort)
  if (when === 'after') abort.abort(reason)
  expect(signal.aborted).toBe(true)
  expect(signal.reason).toBe(reason)
})
