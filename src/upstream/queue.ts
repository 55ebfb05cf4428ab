/** Items from one writer for one reader, in order. Unread items wait in memory; the writer's own limits bound them. */
export interface Queue<T> {
  readonly items: AsyncIterable<T>
  push(item: T): void
  end(): void
  fail(error: Error): void
}

export function createQueue<T>(): Queue<T> {
  const waiting: T[] = []
  let ended = false
  let failure: Error | undefined
  let wake: (() => void) | undefined
  const notify = () => {
    wake?.()
    wake = undefined
  }
  async function* items(): AsyncGenerator<T> {
    for (;;) {
      const item = waiting.shift()
      if (item !== undefined) {
        yield item
        continue
      }
      if (failure !== undefined) throw failure
      if (ended) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    items: items(),
    push(item) {
      if (ended) return
      waiting.push(item)
      notify()
    },
    end() {
      ended = true
      notify()
    },
    fail(error) {
      failure ??= error
      notify()
    },
  }
}
