import { createThreads } from '../../src/policy/threads.ts'
import { entrypoint, openCompiler } from './support.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

test('nothing is given to a thread that was told to end, though it still answers', async () => {
  const wasm = await compiler.compile('decision := count([1 | some i in numbers.range(1, input.n); some j in numbers.range(1, 100); i == j])')
  const threads = createThreads({ size: 1, wasm, data: '{}' })
  await threads.start()
  const judge = (n: number, deadline: number) => threads.judge({ entrypoint, input: JSON.stringify({ n }), fuel: 1_000_000_000 }, { deadline, long: false, caller: 'ann' })
  const [hard, long, deadline] = [1_000, 60_000, 3]
  try {
    await judge(hard, long)
    const began = performance.now()
    await judge(hard, long)
    const enough = 3 * (performance.now() - began)
    // From when it is looked how much the thread worked, until after it is done.
    const holdUp = (): void => {
      const end = performance.now() + enough
      while (performance.now() < end);
    }
    for (let time = 0; time < 6; time += 1) {
      const late = judge(hard, deadline)
      setTimeout(() => setImmediate(() => setImmediate(holdUp)), deadline)
      const next = judge(10, long)
      await late
      expect(await next).toMatchObject({ ok: true })
    }
  } finally {
    await threads.close()
  }
})
