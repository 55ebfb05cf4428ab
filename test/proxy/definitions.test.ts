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
