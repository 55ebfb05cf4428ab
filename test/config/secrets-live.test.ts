import { createLiveSecrets } from '../../src/config/secrets-live.ts'

const source = { file: 'secret' } as const

test('a refused secret is looked for again, also where a look that was under way came before the change', async () => {
  let stored = 'first'
  const reads: PromiseWithResolvers<void>[] = []
  const secrets = createLiveSecrets({
    initial: () => 'first', every: 100, accepts: () => true, tell: { changed: () => undefined, failed: () => undefined },
    async read() {
      const value = stored
      const wait = Promise.withResolvers<void>()
      reads.push(wait)
      if (reads.length === 1) await wait.promise
      return { ok: true, value, exposed: false }
    },
  })
  try {
    const secret = secrets.of('token', source)
    while (reads.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    // The file is replaced and the server refuses what was there before, while the first look still holds the old text.
    stored = 'second'
    const renewed = Promise.all([secret.renewed(0), secret.renewed(0)])
    reads[0]?.resolve()
    expect(await renewed).toEqual([true, true])
    expect([secret.value(), secret.former()]).toEqual(['second', ['first']])
  } finally {
    secrets.close()
  }
})
