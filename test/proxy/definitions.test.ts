import type { Json } from '../../src/model.ts'
import { createDefinitions } from '../../src/proxy/definitions.ts'
import { printJson } from '../../src/printed.ts'

test('of a list of more entries than are kept only the last are read', () => {
  let read = 0
  const definitions = createDefinitions((value: Json) => {
    read++
    return printJson(value)
  })
  const names = Array.from({ length: 30_000 }, (_, index) => `tool ${index}`)
  definitions.learn('crm', names.map((name) => ({ kind: 'tool', name, value: { name, annotations: { title: name } } })))
  expect(read).toBe(20_000)
  expect(names.filter((name) => definitions.get('crm', 'tool', name) !== undefined)).toEqual(names.slice(-20_000))
  expect(definitions.describe('crm', 'tool', 'tool 29999')).toMatchObject({ annotations: { title: 'tool 29999' } })
})

test('of definitions that are very long the newest are kept', () => {
  const definitions = createDefinitions(printJson)
  const list = (from: number) => Array.from({ length: 4 }, (_, index) => ({ name: `tool ${from + index}`, description: 'x'.repeat(1024 * 1024) }))
  for (let page = 0; page < 40; page += 4) definitions.learn('crm', list(page).map((value) => ({ kind: 'tool', name: value.name, value })))
  const kept = Array.from({ length: 40 }, (_, index) => index).filter((index) => definitions.get('crm', 'tool', `tool ${index}`) !== undefined)
  expect(kept.length).toBeGreaterThanOrEqual(8)
  expect(kept.length).toBeLessThanOrEqual(16)
  expect(kept).toEqual(kept.map((_, index) => 40 - kept.length + index))
})

test('a tool that was found and had to make room for others is asked for again at once, one that is on no list once in a while', async () => {
  const definitions = createDefinitions(printJson)
  const asked: string[] = []
  const call = async (name: string) => {
    if (definitions.get('crm', 'tool', name) !== undefined) return
    await definitions.list('crm', { asker: 'sam', kind: 'tool', name, key: name }, async () => {
      asked.push(name)
      definitions.learn('crm', [{ kind: 'tool', name: 'wipe', value: { name: 'wipe' } }])
      return { kind: 'answered' }
    })
  }
  await call('wipe')
  definitions.learn('crm', Array.from({ length: 20_000 }, (_, index) => ({ kind: 'resource', name: `a://${index}`, value: { uri: `a://${index}` } })))
  for (const name of ['wipe', 'none', 'none']) await call(name)
  expect(asked).toEqual(['wipe', 'wipe', 'none'])
})

test('what was on no list is asked for again once the server says that its lists changed, be it while it is being asked', async () => {
  const definitions = createDefinitions(printJson)
  let asked = 0
  const call = (during: () => void = () => undefined) => definitions.list('crm', { asker: 'sam', kind: 'tool', name: 'wipe', key: 'wipe' }, async () => {
    asked++
    during()
    return { kind: 'answered' }
  })
  await call()
  await call()
  expect(asked).toBe(1)
  definitions.changed('other')
  await call()
  expect(asked).toBe(1)
  definitions.changed('crm')
  await call(() => definitions.changed('crm'))
  expect(asked).toBe(2)
  await call()
  expect(asked).toBe(3)
})
