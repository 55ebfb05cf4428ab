/** One event of a stream, as the WHATWG HTML standard ("Server-sent events") reads it; empty `data` primes a client for resumption. */
export interface SseEvent {
  readonly id?: string
  readonly event?: string
  readonly data: string
  /** Milliseconds. */
  readonly retry?: number
}

export interface SseProblem {
  readonly kind: 'sse_problem'
  readonly code: 'event_too_large' | 'not_utf8'
  readonly message: string
}

export interface SseReader {
  /** The events that are whole now. Throws an `SseProblem` where the stream cannot be read on. */
  push(chunk: Uint8Array): readonly SseEvent[]
  /** An event that was not finished is lost, as the standard wants it. */
  end(): readonly SseEvent[]
  /** How many characters since the last time were of no event: comments, unknown fields, empty lines. */
  takeSkipped(): number
}

export function isSseProblem(thrown: unknown): thrown is SseProblem {
  return typeof thrown === 'object' && thrown !== null && (thrown as { kind?: unknown }).kind === 'sse_problem'
}

const NONE: readonly SseEvent[] = []

/** `maxEvent` bounds, in characters, what is kept of an event before it ends: a server cannot make the gateway keep more. */
export function createSseReader(options: { readonly maxEvent: number }): SseReader {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = ''
  let size = 0
  let first = true
  let afterReturn = false
  let broken: SseProblem | undefined
  let pending: Pending = {}
  let skipped = 0

  const fail = (code: SseProblem['code'], message: string): never => {
    broken = { kind: 'sse_problem', code, message }
    throw broken // a value, told apart by isSseProblem: the stream's reader cannot go on
  }
  const decode = (chunk: Uint8Array | undefined): string => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined })
    } catch {
      return fail('not_utf8', 'expected the stream to be valid UTF-8')
    }
  }

  const read = (arrived: string): readonly SseEvent[] => {
    let text = arrived
    if (text === '') return NONE
    if (first) {
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1)
      first = false
    }
    // The LF of a CRLF that was cut in two ends no second line.
    if (afterReturn && text.charCodeAt(0) === 0x0a) text = text.slice(1)
    afterReturn = arrived.charCodeAt(arrived.length - 1) === 0x0d
    const events: SseEvent[] = []
    let from = 0
    let feed = text.indexOf('\n')
    let carriage = text.indexOf('\r')
    while (feed >= 0 || carriage >= 0) {
      const at = feed < 0 || (carriage >= 0 && carriage < feed) ? carriage : feed
      const line = rest + text.slice(from, at)
      rest = ''
      from = at === carriage && feed === at + 1 ? at + 2 : at + 1
      if (feed >= 0 && feed < from) feed = text.indexOf('\n', from)
      if (carriage >= 0 && carriage < from) carriage = text.indexOf('\r', from)
      size += line.length
      if (size > options.maxEvent) fail('event_too_large', `expected events of at most ${options.maxEvent} characters`)
      if (line !== '') {
        if (!take(line, pending)) skipped += line.length + 1
      } else {
        const event = finish(pending)
        if (event !== undefined) events.push(event)
        else skipped += 1
        pending = {}
        size = 0
      }
    }
    rest += text.slice(from)
    if (size + rest.length > options.maxEvent) fail('event_too_large', `expected events of at most ${options.maxEvent} characters`)
    return events
  }

  return {
    push(chunk) {
      if (broken !== undefined) throw broken
      return read(decode(chunk))
    },
    end() {
      if (broken !== undefined) throw broken
      return read(decode(undefined))
    },
    takeSkipped() {
      const before = skipped
      skipped = 0
      return before
    },
  }
}

interface Pending {
  id?: string
  event?: string
  retry?: number
  data?: string[]
}

/** False where the line says nothing. */
function take(line: string, pending: Pending): boolean {
  const colon = line.indexOf(':')
  if (colon === 0) return false
  const field = colon < 0 ? line : line.slice(0, colon)
  const start = line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1
  const value = colon < 0 ? '' : line.slice(start)
  if (field === 'data') (pending.data ??= []).push(value)
  else if (field === 'event') pending.event = value
  else if (field === 'id' && !value.includes('\0')) pending.id = value
  else if (field === 'retry' && /^\d{1,15}$/.test(value)) pending.retry = Number(value)
  else return false
  return true
}

/** Blocks of comments only are no events; a block with an id or a retry but no data is one here, for the gateway must not lose it. */
function finish({ id, event, retry, data }: Pending): SseEvent | undefined {
  if (id === undefined && event === undefined && retry === undefined && data === undefined) return undefined
  return {
    ...(id === undefined ? {} : { id }),
    ...(event === undefined || event === '' ? {} : { event }),
    data: data === undefined ? '' : data.join('\n'),
    ...(retry === undefined ? {} : { retry }),
  }
}

/** One event on the wire. `data` is one line: our own JSON, which has its line ends escaped. */
export function writeSseEvent(event: Partial<SseEvent>): string {
  const lines = [
    ...(event.event === undefined ? [] : [`event: ${oneLine(event.event)}`]),
    ...(event.id === undefined ? [] : [`id: ${oneLine(event.id)}`]),
    ...(event.retry === undefined ? [] : [`retry: ${event.retry}`]),
    // An empty `data` is an event for many readers, which is what primes them; a `retry` alone should be none.
    ...(event.id === undefined && event.data === undefined ? [] : [`data: ${oneLine(event.data ?? '')}`]),
  ]
  return `${lines.join('\n')}\n\n`
}

/** Keeps a connection open and says nothing. */
export function sseComment(): string {
  return ':\n\n'
}

/** A line end in a field would let its text write fields and events of its own. */
function oneLine(text: string): string {
  if (/[\r\n\0]/.test(text)) throw new TypeError('an SSE field must be one line')
  return text
}
