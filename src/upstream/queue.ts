/** What is read from one source for many readers and not consumed yet, in bytes: past `high` the source is paused, below `low` it goes on. */
export interface Flow {
  add(bytes: number): void
  take(bytes: number): void
}

export function createFlow(source: { pause(): void; resume(): void }, { high, low }: { readonly high: number; readonly low: number }): Flow {
  let held = 0
  let paused = false
  return {
    add(bytes) {
      held += bytes
      if (paused || held <= high) return
      paused = true
      source.pause()
    },
    take(bytes) {
      held -= bytes
      if (!paused || held >= low) return
      paused = false
      source.resume()
    },
  }
}

/** Items from one writer for one reader, in order. What waits to be read is counted in the writer's flow. */
export interface Queue<T> {
  readonly items: AsyncIterable<T>
  /** False while anything waits to be read, or is being read. */
  readonly isEmpty: boolean
  push(item: T, bytes: number, flow: Flow): void
  /** Nothing more comes; what waits is still read. */
  end(): void
  fail(error: Error): void
  /** Nobody reads any more: what waits is dropped. */
  close(): void
}

export function createQueue<T>(): Queue<T> {
  const waiting: { readonly item: T; readonly bytes: number; readonly flow: Flow }[] = []
  let ended = false
  let failure: Error | undefined
  let wake: (() => void) | undefined
  const notify = () => {
    wake?.()
    wake = undefined
  }
  const close = () => {
    ended = true
    for (const { bytes, flow } of waiting.splice(0)) flow.take(bytes)
    notify()
  }
  async function* items(): AsyncGenerator<T> {
    try {
      for (;;) {
        const next = waiting[0]
        if (next !== undefined) {
          yield next.item
          if (waiting[0] === next) waiting.shift()
          else continue // it was closed meanwhile
          next.flow.take(next.bytes)
          continue
        }
        if (failure !== undefined) throw failure
        if (ended) return
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      close()
    }
  }
  return {
    items: items(),
    get isEmpty() {
      return waiting.length === 0
    },
    push(item, bytes, flow) {
      if (ended) return
      waiting.push({ item, bytes, flow })
      flow.add(bytes)
      notify()
    },
    end() {
      ended = true
      notify()
    },
    fail(error) {
      failure ??= error
      ended = true
      notify()
    },
    close,
  }
}
