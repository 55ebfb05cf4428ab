import { createTextMemo, createModuleMemory } from '../../src/policy/module-memory.ts'

const address = 64
function reading(): (bytes: Buffer | string) => string {
  const memory = createModuleMemory(new WebAssembly.Memory({ initial: 1 }))
  const readOnce = createTextMemo(memory)
  return (bytes) => {
    Buffer.concat([Buffer.from(bytes), Buffer.of(0)]).copy(memory.bytes(), address)
    return readOnce(address)
  }
}

test.each<readonly [string, ...(Buffer | string)[]]>([
  ['nothing, before anything', ''],
  ['the same', 'set()', 'set()'],
  ['a longer one', 'set()', 'set(1)'],
  ['a shorter one', 'set()', 'set('],
  ['nothing after something', 'set()', ''],
  ['one with other letters', 'set()', 'Set()'],
  ['letters of more than a byte', 'é', 'é', 'e'],
  ['bytes that are the letters of the one before', 'é\x80\x80', Buffer.from('\u9000')],
  ['long ones', 'x'.repeat(5000), 'x'.repeat(5000), 'x'.repeat(4999)],
])('a text is read as it stands, whatever was read before: %s', (_what, ...texts) => {
  const read = reading()
  for (const text of texts) expect(read(text)).toBe(Buffer.from(text).toString())
})

test('what is no UTF-8 is refused after the same letters, too', () => {
  const read = reading()
  read('é')
  expect(() => read(Buffer.of(0xe9))).toThrow('not UTF-8')
})
