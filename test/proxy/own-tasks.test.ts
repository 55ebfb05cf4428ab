import type { Request } from '../../src/model.ts'
import { createOwnTasks, type OwnTask } from '../../src/proxy/own-tasks.ts'

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
