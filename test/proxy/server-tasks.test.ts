import { createServerTasks, type ServerTask } from '../../src/proxy/server-tasks.ts'

const task = {} as ServerTask // what it holds is not looked at
const kept = (lengths: readonly number[]) => {
  const tasks = createServerTasks()
  for (const [index, length] of lengths.entries()) tasks.set(String(index), task, length)
  return lengths.flatMap((_, index) => (tasks.has(String(index)) ? [index] : []))
}
const MiB = 1024 * 1024

test('a session keeps the calls of a thousand tasks, the oldest go first', () => {
  const ids = kept(Array.from({ length: 1010 }, () => 100))
  expect([ids.length, ids[0]]).toEqual([1000, 10])
})

test('… and no more than their calls may take in memory, but always the newest', () => {
  expect(kept([2 * MiB, MiB, MiB - 3])).toEqual([0, 1, 2])
  expect(kept([2 * MiB, MiB, MiB, 1])).toEqual([1, 2, 3])
  expect(kept([1, 1, 5 * MiB])).toEqual([2])
  expect(kept([5 * MiB, 1])).toEqual([1])
})

test('… the ids that a server gives them included', () => {
  const tasks = createServerTasks()
  for (const id of ['a', 'b', 'c']) tasks.set(id.repeat(2 * MiB), task, 0)
  expect(['a', 'b', 'c'].map((id) => tasks.has(id.repeat(2 * MiB)))).toEqual([false, true, true])
})

test('a task that is told of again counts once, and is the newest', () => {
  const tasks = createServerTasks()
  for (const id of ['a', 'b', 'a']) tasks.set(id, task, 2 * MiB - 1)
  tasks.set('c', task, 2 * MiB - 1)
  expect(['a', 'b', 'c'].map((id) => tasks.has(id))).toEqual([true, false, true])
})
