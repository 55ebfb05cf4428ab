import type { JsonObject, Mask } from '../../src/model.ts'
import { redact } from '../../src/enforce/redact.ts'
import { millisOfWork } from '../support/work.ts'
import {
  byDetector, byPath, codeOf, errorAnswer, mail, mask, maskedBody, notification, parse, quick, request, rescan, result, ssn, toolCall,
} from './support.ts'

const anySsn = byDetector('us_ssn', { with: '[SSN]' })

describe('a mask by path', () => {
  test('replaces the whole value', () => {
    expect(maskedBody(result({ content: [], structuredContent: { ssn, name: 'Ada' } }), [byPath('/structuredContent/ssn')]).structuredContent).toEqual({
      ssn: '[MASKED]',
      name: 'Ada',
    })
  })

  test('below structuredContent also covers every text block that is JSON, however it is printed', () => {
    const value = { rows: [{ id: 1, pay: 100 }, { id: 2, pay: 200 }] }
    const text = (printed: string) => ({ type: 'text', text: printed })
    const body = maskedBody(
      result({
        content: [
          text(JSON.stringify(value)),
          text(JSON.stringify(value, null, 2)),
          { type: 'resource', resource: { uri: 'a://b', text: JSON.stringify({ rows: [{ pay: 300 }] }) } },
          text('pay is 100'),
        ],
        structuredContent: value,
      }),
      [byPath('/structuredContent/rows/*/pay', { with: 0 })],
    )
    const wanted = { rows: [{ id: 1, pay: 0 }, { id: 2, pay: 0 }] }
    expect(body).toEqual({
      content: [
        text(JSON.stringify(wanted)),
        text(JSON.stringify(wanted, null, 2)),
        { type: 'resource', resource: { uri: 'a://b', text: '{"rows":[{"pay":0}]}' } },
        text('pay is 100'),
      ],
      structuredContent: wanted,
    })
  })

  test('covers the JSON text of an answer without structured content', () => {
    const body = maskedBody(result({ content: [{ type: 'text', text: '{"ssn":"x","n":1.50}' }] }), [byPath('/structuredContent/ssn', { must: true })])
    expect(body.content).toEqual([{ type: 'text', text: '{"ssn":"[MASKED]","n":1.50}' }])
  })

  test('with ** from the root reaches into JSON texts as well', () => {
    const body = maskedBody(result({ content: [{ type: 'text', text: '{"deep":{"ssn":"x"}}' }] }), [byPath('/**/ssn')])
    expect(body.content).toEqual([{ type: 'text', text: '{"deep":{"ssn":"[MASKED]"}}' }])
  })

  test('a text that only a lenient reader takes for JSON is masked as that reader sees it', () => {
    const body = maskedBody(result({ content: [{ type: 'text', text: '\ufeff{"ssn":"first","ssn":"second"}' }] }), [byPath('/structuredContent/ssn')])
    expect(body.content).toEqual([{ type: 'text', text: '{"ssn":"[MASKED]"}' }])
  })

  test('of the whole structured content drops it where it must be an object, and masks its text', () => {
    const message = { content: [{ type: 'text', text: '{"a":1}' }], structuredContent: { a: 1 } }
    expect(maskedBody(result(message), [byPath('/structuredContent')])).toEqual({ content: [{ type: 'text', text: '"[MASKED]"' }] })
    expect(maskedBody(result(message, { revision: '2026-07-28' }), [byPath('/structuredContent')])).toEqual({
      content: [{ type: 'text', text: '"[MASKED]"' }],
      structuredContent: '[MASKED]',
    })
  })

  test('the outermost wins, then the order of rule ids', () => {
    const masks = [
      byPath('/structuredContent/a/b', { with: 'inner', rule: 'a/mask/inner' }),
      byPath('/structuredContent/a', { with: 'late', rule: 'z/mask/late' }),
      byPath('/structuredContent/a', { with: 'early', rule: 'b/mask/early' }),
      byDetector('us_ssn'),
    ]
    expect(maskedBody(result({ content: [], structuredContent: { a: { b: ssn } } }), masks).structuredContent).toEqual({ a: 'early' })
  })

  test('a member called __proto__ is data, before and after', () => {
    const structured = parse('{"__proto__":{"ssn":"x","n":1},"b":1}') as JsonObject
    const { structuredContent } = maskedBody(result({ content: [], structuredContent: structured }), [byPath('/structuredContent/__proto__/ssn')])
    expect(JSON.stringify(structuredContent)).toBe('{"__proto__":{"ssn":"[MASKED]","n":1},"b":1}')
    expect((structuredContent as JsonObject)['ssn']).toBeUndefined()
  })
})

describe('a mask by detector', () => {
  test('covers the text and the structured content alike', () => {
    const structured = { note: `ssn ${ssn}` }
    const body = maskedBody(result({ content: [{ type: 'text', text: JSON.stringify(structured) }], structuredContent: structured }), [anySsn])
    expect(body).toEqual({ content: [{ type: 'text', text: '{"note":"ssn [SSN]"}' }], structuredContent: { note: 'ssn [SSN]' } })
  })

  test('covers error message and data, _meta, progress and log messages, completions and descriptions', () => {
    expect(maskedBody(errorAnswer({ code: 1, message: `no ${ssn}`, data: { deep: [ssn] } }), [anySsn])).toEqual({ code: 1, message: 'no [SSN]', data: { deep: ['[SSN]'] } })
    expect(maskedBody(result({ content: [], _meta: { 'x/y': ssn } }), [anySsn])._meta).toEqual({ 'x/y': '[SSN]' })
    expect(maskedBody(notification('notifications/progress', { progressToken: 1, progress: 1, message: `at ${ssn}` }), [anySsn])['message']).toBe('at [SSN]')
    expect(maskedBody(notification('notifications/message', { level: 'info', data: { a: ssn } }), [anySsn])['data']).toEqual({ a: '[SSN]' })
    expect(maskedBody(result({ completion: { values: [ssn, 'b'] } }, { method: 'completion/complete' }), [anySsn])['completion']).toEqual({ values: ['[SSN]', 'b'] })
    expect(maskedBody(result({ tools: [{ name: 'a', description: ssn, inputSchema: { type: 'object' } }] }, { method: 'tools/list' }), [anySsn])['tools']).toEqual([
      { name: 'a', description: '[SSN]', inputSchema: { type: 'object' } },
    ])
    expect(
      maskedBody(result({ messages: [{ role: 'user', content: { type: 'text', text: ssn } }] }, { method: 'prompts/get' }), [anySsn])['messages'],
    ).toEqual([{ role: 'user', content: { type: 'text', text: '[SSN]' } }])
  })

  test('a zero-width space inside, a number, and other capitals do not save a secret', () => {
    const masks = [anySsn, byDetector('card_number', { with: '[CARD]' }), byDetector('email', { with: '[MAIL]' })]
    const structured = { a: '123-45\u200b-6789', b: 4111111111111111, c: 'ADA@EXAMPLE.COM', ssn: 123456789 }
    expect(maskedBody(result({ content: [], structuredContent: structured }), masks).structuredContent).toEqual({ a: '[SSN]', b: '[CARD]', c: '[MAIL]', ssn: '[SSN]' })
  })

  test('a number in a JSON text becomes the placeholder and the text stays JSON', () => {
    const body = maskedBody(result({ contents: [{ uri: 'a://b', text: '{ "card": 4111111111111111, "id": 1.0 }' }] }, { method: 'resources/read' }), [byDetector('card_number')])
    expect(body['contents']).toEqual([{ uri: 'a://b', text: '{ "card": "[MASKED]", "id": 1.0 }' }])
  })

  test('text that looks like framing stays one text', () => {
    const text = `a\n\ndata: {"jsonrpc":"2.0"}\n\nid: 9 ${ssn}`
    expect(maskedBody(result({ content: [{ type: 'text', text }] }), [anySsn]).content).toEqual([{ type: 'text', text: text.replace(ssn, '[SSN]') }])
  })

  test('base64 of a text is masked inside and encoded again', () => {
    const blob = Buffer.from(`name,ssn\nAda,${ssn}\n`).toString('base64')
    const body = maskedBody(result({ contents: [{ uri: 'a://b.csv', mimeType: 'text/csv', blob }] }, { method: 'resources/read' }), [anySsn])
    const [content] = body['contents'] as unknown as [{ blob: string }]
    expect(Buffer.from(content.blob, 'base64').toString()).toBe('name,ssn\nAda,[SSN]\n')
  })

  test('only the named detector, and only below its path', () => {
    const structured = { a: { x: `${ssn} ${mail}` }, b: { x: ssn } }
    const body = maskedBody(result({ content: [], structuredContent: structured }), [byDetector('us_ssn', { path: '/structuredContent/a' })])
    expect(body.structuredContent).toEqual({ a: { x: `[MASKED] ${mail}` }, b: { x: ssn } })
  })

  test('a path below structuredContent limits a detector in JSON texts too', () => {
    const text = JSON.stringify({ a: ssn, b: ssn })
    const body = maskedBody(result({ content: [{ type: 'text', text }] }), [byDetector('us_ssn', { path: '/structuredContent/a', must: true })])
    expect(body.content).toEqual([{ type: 'text', text: JSON.stringify({ a: '[MASKED]', b: ssn }) }])
  })

  test('the arguments of a call are masked, in its call as well', () => {
    const done = mask(toolCall('save', { note: ssn }), [anySsn])
    expect(done).toMatchObject({ ok: true, masked: 1, message: { call: { name: 'save', arguments: { note: '[SSN]' } }, envelope: { id: 7, params: { arguments: { note: '[SSN]' } } } } })
  })

  test('a placeholder that looks like what it replaces is no leak', () => {
    expect(maskedBody(result({ content: [{ type: 'text', text: `to ${mail}` }] }), [byDetector('email', { with: 'masked@example.org' })]).content).toEqual([
      { type: 'text', text: 'to masked@example.org' },
    ])
  })

  test('what a replacement brings to light is masked as well', () => {
    const block = ['-----BEGIN ', 'PRIVATE KEY-----\nMII\n-----END ', 'PRIVATE KEY-----'].join('')
    const done = mask(result({ content: [{ type: 'text', text: `123-45-${block}6789` }] }), [anySsn, byDetector('private_key', { with: '' })])
    expect(done.ok && done.message.body.content).toEqual([{ type: 'text', text: '[SSN]' }])
  })

  test('a hit in a member name refuses the message where a mask applies to that detector', () => {
    const message = result({ content: [], structuredContent: { people: { [ssn]: 1 } } })
    expect(codeOf(mask(message, [anySsn]))).toBe('mask_name')
    expect(codeOf(mask(message, [byDetector('email')]))).toBe('ok')
    expect(codeOf(mask(message, [anySsn, byPath('/structuredContent/people')]))).toBe('ok')
    expect(codeOf(mask(result({ content: [{ type: 'text', text: JSON.stringify({ [ssn]: 1 }) }] }), [anySsn]))).toBe('mask_name')
  })
})

describe('a mask that must apply', () => {
  test.each([
    ['a path', byPath('/structuredContent/ssn', { must: true })],
    ['a detector', byDetector('us_ssn', { must: true })],
    ['a detector outside its path', byDetector('email', { must: true, path: '/structuredContent/x' })],
  ])('%s without a match refuses the message', (_what, one) => {
    expect(codeOf(mask(result({ content: [{ type: 'text', text: mail }] }), [one]))).toBe('mask_must')
  })

  test('without must, no match does nothing at all', () => {
    const message = result({ content: [{ type: 'text', text: 'nothing' }] })
    expect(mask(message, [byPath('/structuredContent/ssn'), anySsn])).toEqual({ ok: true, message, masked: 0, scan: rescan(message.body) })
  })
})

describe('a mask that is wrong', () => {
  test.each([
    ['a broken pointer', byPath('ssn')],
    ['a broken pointer of a detector', byDetector('us_ssn', { path: '/a*' })],
    ['an unknown detector', byDetector('shoe_size')],
    ['neither path nor detector', { with: 'x', must: false, rule: 'a/mask/b' } as never],
  ])('%s is a fault of the policy', (_what, one) => {
    expect(codeOf(mask(result({ content: [] }), [one]))).toBe('policy_error')
  })
})

describe('a mask that would break the protocol refuses the message', () => {
  test.each([
    ['content', result({ content: [{ type: 'text', text: 'a' }] }), byPath('/content')],
    ['a block', result({ content: [{ type: 'text', text: 'a' }] }), byPath('/content/*')],
    ["a block's type", result({ content: [{ type: 'text', text: 'a' }] }), byPath('/content/*/type')],
    ['a text, with a number', result({ content: [{ type: 'text', text: 'a' }] }), byPath('/content/*/text', { with: 1 })],
    ['nextCursor', result({ tools: [], nextCursor: ssn }, { method: 'tools/list' }), anySsn],
    ['the name of a listed tool', result({ tools: [{ name: ssn, inputSchema: {} }] }, { method: 'tools/list' }), anySsn],
    ['a URI', result({ contents: [{ uri: `a://${mail}`, text: 'x' }] }, { method: 'resources/read' }), byDetector('email')],
    ['resultType', result({ resultType: 'complete', content: [] }, { revision: '2026-07-28' }), byPath('/resultType')],
    ["an error's code", errorAnswer({ code: 1, message: 'x' }), byPath('/code')],
    ['the name of the tool called', toolCall('query', {}), byPath('/name')],
    ['all arguments', toolCall('query', { a: 1 }), byPath('/arguments')],
    ["a prompt's argument, with a number", request('prompts/get', { name: 'a', arguments: { b: 'c' } }), byPath('/arguments/b', { with: 1 })],
    ['a progress token', toolCall('query', {}), byPath('/_meta/progressToken')],
    ['the whole body', result({ content: [] }), byPath('')],
  ])('%s', (_what, message, one) => {
    const withToken = message.kind === 'request' ? { ...message, body: { ...message.body, _meta: { progressToken: 1 } } } : message
    expect(codeOf(mask(withToken, [one]))).toBe('mask_impossible')
  })

  test('content stays free', () => {
    const body = maskedBody(result({ content: [{ type: 'text', text: 'a' }] }), [byPath('/content/*/text')])
    expect(body.content).toEqual([{ type: 'text', text: '[MASKED]' }])
  })
})

test('ids, the order of members and everything unmasked stay as they were', () => {
  const message = result({ content: [{ type: 'text', text: ssn }], isError: false, _meta: { z: 1, a: 2 } })
  const done = mask(message, [anySsn])
  expect(done.ok && JSON.stringify(done.message.envelope)).toBe('{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"[SSN]"}],"isError":false,"_meta":{"z":1,"a":2}}}')
  expect(done.ok && done.message.body['_meta']).toBe(message.body['_meta'])
})

test('a JSON text of very many levels, with something to mask on each, is refused', () => {
  const nested = (levels: number) => `{"ssn":"${ssn}","x":"\\n","more":`.repeat(levels) + 'null' + '}'.repeat(levels)
  const answer = (levels: number) => result({ content: [{ type: 'text', text: nested(levels) }] })
  expect(maskedBody(answer(256), [byDetector('us_ssn')])).toEqual({ content: [{ type: 'text', text: nested(256).replaceAll(ssn, '[MASKED]') }] })
  expect(mask(answer(257), [byDetector('us_ssn')])).toMatchObject({ ok: false, code: 'mask_impossible' })
})

test('a JSON text nested deeper than a stack is refused, not thrown at', () => {
  const text = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  expect(['mask_impossible', 'ok']).toContain(codeOf(mask(result({ content: [{ type: 'text', text }] }), [byPath('/structuredContent/**/ssn')])))
})

test('a value in a JSON text nested deeper than a stack does not get by its mask', () => {
  for (const name of ['n', '\\\\']) {
    const text = `{"pay":"hidden","${name}":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
    const done = mask(result({ content: [{ type: 'text', text }] }), [byPath('/structuredContent/pay')])
    expect(done.ok && JSON.stringify(done.message.envelope).includes('hidden')).toBe(false)
  }
})

test('very many places below one long name are told apart without reading it for each', () => {
  const body = { ['x'.repeat(250_000)]: Array.from({ length: 15_000 }, () => ssn) }
  const message = result({ content: [{ type: 'text', text: JSON.stringify(body) }], structuredContent: body })
  const schema = { type: 'object', additionalProperties: { type: 'array', items: { type: ['string', 'null'], maxLength: 11 } } }
  const masks = [byDetector('us_ssn', { with: 'made.up@example.com' })]
  const work = millisOfWork(() => {
    for (const body of [maskedBody(message, masks), maskedBody(message, masks, schema)]) expect(JSON.stringify(body)).not.toContain(ssn)
  })
  expect(work).toBeLessThan(4_000)
})

const places = (length: number): readonly number[] => Array.from({ length }, (_, index) => index)

test('a mask for each of very many places covers that place only', () => {
  const rows = (value: (index: number) => string): JsonObject => ({ rows: places(4000).map((index) => ({ ssn: value(index), index })) })
  const message = result({ structuredContent: rows(() => ssn), content: [{ type: 'text', text: JSON.stringify(rows(() => ssn)) }] })
  const even = places(4000).filter((index) => index % 2 === 0)
  const masked = rows((index) => (index % 2 === 0 ? '[EVEN]' : ssn))
  const work = millisOfWork(() => {
    for (const one of [byDetector('us_ssn', { with: '[EVEN]' }), byPath('', { with: '[EVEN]' })]) {
      const masks = even.map((index) => ({ ...one, must: true, path: `/structuredContent/rows/${index}/ssn` }))
      expect(maskedBody(message, masks)).toEqual({ structuredContent: masked, content: [{ type: 'text', text: JSON.stringify(masked) }] })
    }
  })
  expect(work).toBeLessThan(4_000)
})

test('masks for each of very many JSON texts, or for what may be in all of them, cost no more than can be borne', () => {
  const texts = (value: (index: number) => string): JsonObject => ({ content: places(1500).map((index) => ({ type: 'text', text: `{"ssn":"${value(index)}","index":${index},"line":"\\n"}` })) })
  const message = result(texts(() => ssn))
  const inTexts = places(750).map((index) => byDetector('us_ssn', { with: '[EVEN]', must: true, path: `/content/${2 * index}/text` }))
  const work = millisOfWork(() => {
    expect(maskedBody(message, [...inTexts, byDetector('email')])).toEqual(texts((index) => (index % 2 === 0 ? '[EVEN]' : ssn)))
    const below = (count: number, one: Mask) => places(count).map((index) => ({ ...one, path: `/structuredContent/rows/${index}/ssn` }))
    for (const one of [byDetector('us_ssn'), byPath('')]) expect(codeOf(mask(message, below(30, one)))).toBe('ok')
    expect(codeOf(mask(message, below(1500, byDetector('us_ssn'))))).toBe('mask_impossible')
    expect(redact(message, rescan(message.body), below(1500, byPath('')), rescan, quick).envelope['result']).toMatchObject({ content: expect.arrayContaining([{ type: 'text', text: '[MASKED]' }]) })
    expect(JSON.stringify(redact(message, rescan(message.body), below(1500, byPath('')), rescan, quick).envelope)).not.toContain(ssn)
  })
  expect(work).toBeLessThan(10_000)
})

test('what only the value of a JSON text holds is found in it, whatever its letters say', () => {
  const masked = (text: string) => maskedBody(result({ content: [{ type: 'text', text }] }), [anySsn])['content']
  expect(masked('{"ssn":1.23456789e8}')).toEqual([{ type: 'text', text: '{"ssn":"[SSN]"}' }])
  const block = (text: string) => JSON.stringify({ type: 'image', data: Buffer.from(text).toString('base64') })
  expect(masked(block(`ssn: ${ssn}`))).toEqual([{ type: 'text', text: block('ssn: [SSN]') }])
})
