import { createAttached } from '../../src/record/attached.ts'
import { parseExactJson } from '../../src/exact-json.ts'

test('what is attached is found by the very object, and the newest counts', () => {
  const attached = createAttached<number>()
  const [one, other] = [{ a: 1 }, { a: 1 }]
  attached.set(one, 1)
  expect([attached.get(one), attached.get(other), attached.get({ ...one }), attached.get(structuredClone(one))]).toEqual([1, undefined, undefined, undefined])
  attached.set(one, 2)
  attached.set(other, 3)
  expect([attached.get(one), attached.get(other)]).toEqual([2, 3])
})

test('what others attach is theirs', () => {
  const [mine, theirs] = [createAttached<number>(), createAttached<number>()]
  const one = {}
  mine.set(one, 1)
  expect([mine.get(one), theirs.get(one)]).toEqual([1, undefined])
})

test('nobody sees it who prints, lists, copies or compares the object', () => {
  const attached = createAttached<object>()
  const value = parseExactJson('{"__proto__":{"b":2},"n":12345678901234567890,"list":[{}]}') as object
  const before = [JSON.stringify(value), Reflect.ownKeys(value), structuredClone({ ...value, n: 0 })]
  attached.set(value, { secret: true })
  expect([JSON.stringify(value), Reflect.ownKeys(value), structuredClone({ ...value, n: 0 })]).toEqual(before)
  expect(value).toStrictEqual(parseExactJson('{"__proto__":{"b":2},"n":12345678901234567890,"list":[{}]}'))
  const seen: string[] = []
  for (const name in value) seen.push(name)
  expect(seen).toEqual(['__proto__', 'n', 'list'])
})

test('an object that nobody holds any longer is collected, with what is attached to it', async () => {
  const attached = createAttached<object>()
  const gone = ((): WeakRef<object> => {
    const value = { large: new Array(1000).fill('x') }
    attached.set({ of: value }, value)
    return new WeakRef(value)
  })()
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--expose-gc')
  const { runInNewContext } = await import('node:vm')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < 10 && gone.deref() !== undefined; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  expect(gone.deref()).toBeUndefined()
})
