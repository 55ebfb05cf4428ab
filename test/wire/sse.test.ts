import { fc } from '../support/property.ts'
import { createSseReader, isSseProblem, sseComment, writeSseEvent } from '../../src/wire/sse.ts'
import type { SseEvent } from '../../src/wire/sse.ts'
import { millisOfWork } from '../support/work.ts'

function readAll(chunks: readonly Uint8Array[], maxEvent = 1 << 20): SseEvent[] {
  const reader = createSseReader({ maxEvent })
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()]
}
const whole = (text: string | Uint8Array): SseEvent[] => readAll([Buffer.from(text as string)])
function problemOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (thrown) {
    if (isSseProblem(thrown)) return thrown.code
    throw thrown
  }
  return undefined
}
/** Cuts bytes at the places given. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...at, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : at[index - 1], end))
}

describe('reading', () => {
  test.each<[string, string, SseEvent[]]>([
    ['LF', 'data: a\n\ndata: b\n\n', [{ data: 'a' }, { data: 'b' }]],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [{ data: 'a' }, { data: 'b' }]],
    ['CR', 'data: a\r\rdata: b\r\r', [{ data: 'a' }, { data: 'b' }]],
    ['all three', 'data: a\r\n\ndata: b\n\r\ndata: c\r\n\r', [{ data: 'a' }, { data: 'b' }, { data: 'c' }]],
    ['many data lines', 'data: {"a":\ndata:1\ndata\ndata: }\n\n', [{ data: '{"a":\n1\n\n}' }]],
    ['one space only is taken off', 'data:  a \n\n', [{ data: ' a ' }]],
    ['id, event and retry', 'event: message\nid: 7\nretry: 250\ndata: a\n\n', [{ event: 'message', id: '7', retry: 250, data: 'a' }]],
    ['a priming event', 'id: 7\ndata:\n\n', [{ id: '7', data: '' }]],
    ['a priming event without data', 'id: 7\n\n', [{ id: '7', data: '' }]],
    ['a retry alone', 'retry: 500\n\n', [{ retry: 500, data: '' }]],
    ['a retry that is no number', 'retry: 5s\ndata: a\n\n', [{ data: 'a' }]],
    ['an id with a NUL', 'id: a\0\ndata: a\n\n', [{ data: 'a' }]],
    ['an empty id', 'id\ndata: a\n\n', [{ id: '', data: 'a' }]],
    ['comments and unknown fields', ': hello\n\n:\nfoo: bar\ndata: a\n:x\n\n: bye\n\n', [{ data: 'a' }]],
    ['a byte order mark at the start', '\ufeffdata: a\n\n', [{ data: 'a' }]],
    ['a byte order mark later on', 'data: a\n\n\ufeffdata: b\n\n', [{ data: 'a' }]],
    ['an event without its end', 'data: a\n\ndata: b\n', [{ data: 'a' }]],
    ['nothing', '', []],
  ])('%s', (_what, text, events) => {
    expect(whole(text)).toEqual(events)
    expect(readAll([...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).toEqual(events)
  })

  test('an event comes as soon as its last line end does, be it a CR', () => {
    const reader = createSseReader({ maxEvent: 100 })
    expect(reader.push(Buffer.from('data: a\r\r'))).toEqual([{ data: 'a' }])
    expect(reader.push(Buffer.from('\ndata: b\r\n\r'))).toEqual([{ data: 'b' }])
    expect(reader.push(Buffer.from('\n'))).toEqual([])
    expect(reader.push(Buffer.from('\ndata: c\n\n'))).toEqual([{ data: 'c' }])
  })

  test('a character cut in two is whole again', () => {
    const bytes = Buffer.from('data: "世界 😀"\n\n')
    for (let at = 0; at <= bytes.length; at++) expect(readAll([bytes.subarray(0, at), bytes.subarray(at)])).toEqual([{ data: '"世界 😀"' }])
  })

  test('broken UTF-8 ends the stream, and so does an end inside of a character', () => {
    const reader = createSseReader({ maxEvent: 100 })
    expect(problemOf(() => reader.push(Buffer.from([0x64, 0xff, 0x0a])))).toBe('not_utf8')
    expect(problemOf(() => reader.push(Buffer.from('data: a\n\n')))).toBe('not_utf8')
    expect(problemOf(() => readAll([Buffer.from([0xe4, 0xb8])]))).toBe('not_utf8')
  })

  test('an event that is too large ends the stream, however it is cut', () => {
    expect(readAll([Buffer.from(`data: ${'x'.repeat(94)}\n\n`)], 100)).toHaveLength(1)
    for (const text of [`data: ${'x'.repeat(95)}\n\n`, 'data: x\n'.repeat(20), 'x'.repeat(101), `: ${'c\n:'.repeat(60)}`]) {
      expect(problemOf(() => readAll([Buffer.from(text)], 100))).toBe('event_too_large')
      expect(problemOf(() => readAll([...Buffer.from(text)].map((byte) => Uint8Array.of(byte)), 100))).toBe('event_too_large')
    }
    expect(readAll([Buffer.from(`data: ${'x'.repeat(50)}\n\n`.repeat(50))], 100)).toHaveLength(50)
  })

  test('many line ends of one kind are read in no time', () => {
    const work = millisOfWork(() => {
      for (const end of ['\r', '\n', '\r\n']) expect(whole(`data: a${end}${end}`.repeat(50_000))).toHaveLength(50_000)
    })
    expect(work).toBeLessThan(3_000)
  })
})

describe('writing', () => {
  test('a text with line ends stays one event', () => {
    const data = JSON.stringify({ text: 'x\n\ndata: {"jsonrpc":"2.0"}\n\nid: 9\r\u2028' })
    expect(whole(writeSseEvent({ id: '3', data }))).toEqual([{ id: '3', data }])
  })

  test('a priming event has an id and empty data', () => {
    expect(writeSseEvent({ id: '3', retry: 500 })).toBe('id: 3\nretry: 500\ndata: \n\n')
    expect(writeSseEvent({ retry: 500 })).toBe('retry: 500\n\n')
  })

  test('a comment is no event', () => {
    expect(whole(sseComment() + writeSseEvent({ data: 'a' }) + sseComment())).toEqual([{ data: 'a' }])
  })

  test.each(['a\nb', 'a\rb', 'a\r\n\r\ndata: x'])('a line end in %j is a fault', (text) => {
    expect(() => writeSseEvent({ data: text })).toThrow(TypeError)
    expect(() => writeSseEvent({ id: text, data: '' })).toThrow(TypeError)
  })
})

const line = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replaceAll(/[\r\n\0]/g, ''))
const event = fc.record(
  { id: line, event: line.filter((text) => text !== ''), data: fc.oneof(line, fc.json()), retry: fc.nat() },
  { requiredKeys: ['data'] },
)
const end = fc.constantFrom('\n', '\r', '\r\n')

describe('for any stream', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat()), (events, places) => {
        const bytes = Buffer.from(events.map((one) => sseComment() + writeSseEvent(one)).join(''))
        expect(readAll(cut(bytes, places))).toEqual(events)
      }),
      { numRuns: 500 },
    )
  })

  test('it does not matter where it is cut', () => {
    const piece = fc.oneof(end, line, line.map((text) => `data: ${text}`), line.map((text) => `id:${text}`), fc.constantFrom('data', ':', 'retry: 5', '\ufeff', 'event: x'))
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, end), { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 20 }), (pieces, places) => {
        const bytes = Buffer.from(pieces.flat().join(''))
        expect(readAll(cut(bytes, places))).toEqual(readAll([bytes]))
      }),
      { numRuns: 1000 },
    )
  })
})
