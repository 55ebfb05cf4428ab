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

test('who is taken off by one told before is not told any more', () => {
  const abort = new Abort()
  const told: string[] = []
  const second = () => told.push('second')
  abort.addEventListener('abort', () => abort.removeEventListener('abort', second))
  abort.addEventListener('abort', second)
  abort.abort()
  expect(told).toEqual([])
})

test('one who fails keeps nobody else from being told, and whoever aborts hears of it', () => {
  const abort = new Abort()
  const told: string[] = []
  abort.addEventListener('abort', () => {
    throw new Error('a listener failed')
  })
  abort.addEventListener('abort', () => told.push('second'))
  expect(() => abort.abort()).toThrow('a listener failed')
  expect(told).toEqual(['second'])
})

test('the platform\'s signal of one is always the same, however often it is asked for: nothing gathers on what lasts for long', () => {
  let listeners = 0
  const abort = new (class extends Abort {
    override addEventListener(type: 'abort', listener: () => void): void {
      listeners += 1
      super.addEventListener(type, listener)
    }
  })()
  const signals = new Set(Array.from({ length: 100 }, () => toPlatform(abort)))
  expect([signals.size, listeners]).toEqual([1, 1])
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
