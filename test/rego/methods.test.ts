import { createOpa } from '../../src/bundle/opa.ts'
import { readLibrary } from '../../src/bundle/source/read-directory.ts'
import type { Direction } from '../../src/model.ts'
import { methodOf, served } from '../../src/wire/methods.ts'

const methods = [
  'initialize', 'ping', 'server/discover', 'tools/list', 'tools/call', 'resources/list', 'resources/templates/list', 'resources/read',
  'resources/subscribe', 'resources/unsubscribe', 'subscriptions/listen', 'prompts/list', 'prompts/get', 'completion/complete',
  'logging/setLevel', 'tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel', 'tasks/update', 'sampling/createMessage',
  'elicitation/create', 'roots/list', 'notifications/initialized', 'notifications/roots/list_changed', 'notifications/cancelled',
  'notifications/progress', 'notifications/message', 'notifications/resources/updated', 'notifications/resources/list_changed',
  'notifications/tools/list_changed', 'notifications/prompts/list_changed', 'notifications/subscriptions/acknowledged',
  'notifications/elicitation/complete', 'notifications/tasks/status', 'notifications/tasks', 'x/y',
]
const directions: readonly Direction[] = ['to_server', 'to_client']
const kinds = ['request', 'notification'] as const
const messages = served.flatMap((revision) =>
  directions.flatMap((direction) => kinds.flatMap((kind) => methods.map((method) => ({ direction, kind, method, revision })))),
)

const opa = createOpa()
afterAll(() => opa.close())

test('the library and the wire know the same messages of each revision', async () => {
  const query = 'x := [data.sallyport.verdict_on(message) | some message in input]'
  const asked = await opa.eval({ modules: await readLibrary(), query, input: messages })
  if (!asked.ok) throw new Error(JSON.stringify(asked.problems))
  const verdicts = (asked.result[0] as unknown as { readonly bindings: { readonly x: readonly string[] } }).bindings.x
  const differing = messages.filter(({ direction, kind, method, revision }, at) => {
    const known = methodOf(revision, direction, kind, method) !== undefined
    return known !== (verdicts[at] !== 'allow_other')
  })
  expect(differing).toEqual([])
})

// MCP 2026-07-28 basic/patterns/mrtr: what a server may ask of the client inside of a result.
const withinResults = ['sampling/createMessage', 'elicitation/create', 'roots/list']

test('the library knows the requests within results', async () => {
  const query = 'x := [data.sallyport.ask_of_server({"method": method}).verdict | some method in input]'
  const asked = await opa.eval({ modules: await readLibrary(), query, input: methods })
  if (!asked.ok) throw new Error(JSON.stringify(asked.problems))
  const verdicts = (asked.result[0] as unknown as { readonly bindings: { readonly x: readonly string[] } }).bindings.x
  expect(methods.filter((_, at) => verdicts[at] === 'allow_server')).toEqual(withinResults)
})
