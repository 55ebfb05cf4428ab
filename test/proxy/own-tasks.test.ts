import type { JsonObject, Request, Result } from '../../src/model.ts'
import { seal, type About, type Judged } from '../../src/proxy/evaluate.ts'
import { createOwnTasks, type OwnTask } from '../../src/proxy/own-tasks.ts'
import { statusOf } from '../../src/proxy/run-task.ts'

let now: number
beforeEach(() => (now = 1000))
const request: Request = { direction: 'to_server', revision: '2026-07-28', kind: 'request', id: 1, method: 'tools/call', envelope: {}, body: {} }
const task = (id: string, caller = 'sam'): OwnTask => ({
  id, caller, request, approval: 'apr_1', created: now, expires: now + 5000, cancel: new AbortController(), state: { kind: 'working' }, changed: now, rounds: 0, grant: { id: 'apr_1', met: [], risk: 0, granted_by: [], at: '' },
})
const open = () => createOwnTasks(() => now, () => undefined)

test('one caller has so many unfinished tasks and no more; another has its own', () => {
  const tasks = open()
  const made = Array.from({ length: 100 }, (_, id) => task(String(id)))
  for (const each of made) tasks.add(each)
  expect([tasks.hasRoom('sam'), tasks.hasRoom('eve')]).toEqual([false, true])
  tasks.change(made[0]!, { kind: 'cancelled' })
  expect(tasks.hasRoom('sam')).toBe(true)
})

test('what is finished stays as it is, and goes when its time is over or room is needed; what is not finished stays', () => {
  const tasks = open()
  const [done, waits] = [task('done'), task('waits')]
  tasks.add(done)
  tasks.add(waits)
  tasks.change(done, { kind: 'own', envelope: { result: {} } })
  tasks.change(done, { kind: 'cancelled' })
  expect(tasks.get('done')?.state.kind).toBe('own')
  now += 6000
  tasks.add(task('new'))
  expect([tasks.get('done'), tasks.get('waits')?.id]).toEqual([undefined, 'waits'])
  for (let id = 0; id < 1100; id += 1) {
    const each = task(`x${id}`, `caller ${id}`)
    tasks.add(each)
    tasks.change(each, { kind: 'cancelled' })
  }
  expect([tasks.get('x0'), tasks.get('x1099')?.id, tasks.get('waits')?.id]).toEqual([undefined, 'x1099', 'waits'])
})

test.each([
  ['has no questions', {}, 'working', 'again'],
  ['has one', { first: { method: 'roots/list' } }, 'input_required', 'asks'],
])('a client is told to reply only where the server %s', async (_, inputRequests, status, kind) => {
  const tasks = open()
  const waits = task('waits')
  tasks.add(waits)
  const body: JsonObject = { resultType: 'input_required', inputRequests, requestState: 'soon' }
  const message = { direction: 'to_client', revision: '2026-07-28', kind: 'result', id: 1, envelope: { jsonrpc: '2.0', id: 1, result: body }, body } as unknown as Result
  const about = { exchange: 'exc_1' } as unknown as About
  await tasks.channelOf(waits).release(seal(message, { decision: { bundle: 'bnd_1' } } as unknown as Judged, about), about)
  expect([statusOf(waits)['status'], waits.state.kind]).toEqual([status, kind])
})
