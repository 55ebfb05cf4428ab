import fc from 'fast-check'
import { recorded, tools, withGateway, type CampaignReport } from './campaigns.ts'
import { createSender, inParallel, isNotExecuted, modernHeaders, modernText, patiently } from './client.ts'
import { badRequestTexts, badTexts, goodTexts } from './json-texts.ts'
import { differences } from './same-json.ts'

/** One in so many is a text that must not pass. */
const badEvery = 10
const isBad = (n: number) => n % badEvery === 3

const argumentsIn = (text: string) => /"arguments":(\{"n":(\d+),"v":.*\}),"_meta"/s.exec(text)
const contentIn = (text: string) => /"structuredContent":(\{"n":(\d+),"v":.*\})\}\}\s*$/s.exec(text)
const byNumber = (texts: readonly string[], find: (text: string) => RegExpExecArray | null): ReadonlyMap<number, string> =>
  new Map(texts.flatMap((text) => {
    const [, value, n] = find(text) ?? []
    return value === undefined ? [] : [[Number(n), value] as const]
  }))

/** P16: the bytes that reach the server, and those that reach the client, are the judged message, digit for digit, and the record says the same. */
export const whatIsSentWasJudged = (messages: number, seed = 7): Promise<CampaignReport> => {
  const bodies = fc.sample(goodTexts, { numRuns: messages, seed })
  const [brokenCalls, brokenAnswers] = [badRequestTexts, badTexts].map((texts) => fc.sample(texts, { numRuns: Math.ceil(messages / badEvery), seed }))
  const given = (n: number): string => `{"n":${n},"v":${isBad(n) ? brokenCalls?.[Math.floor(n / badEvery)] : bodies[n]}}`
  /** To a good call a bad answer now and then, too. */
  const answered = (n: number): string => `{"n":${n},"v":${n % badEvery === 6 ? brokenAnswers?.[Math.floor(n / badEvery)] : bodies[messages - 1 - n]}}`
  return withGateway(
    (request, response) => {
      const message = JSON.parse(request.body)
      const n = message.params?.arguments?.n ?? 0
      const result = message.method === 'tools/list' ? JSON.stringify({ resultType: 'complete', tools }) : `{"resultType":"complete","content":[],"structuredContent":${answered(n)}}`
      const text = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":${result}}`
      const streamed = n % 2 === 1
      response.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' }).end(streamed ? `data: ${text}\n\n` : text)
    },
    async (gateway, stub) => {
      const sender = createSender(gateway.mcp('stub'), await gateway.token({ subject: 'p16', groups: [] }, 'stub'))
      const violations: string[] = []
      const told: string[] = []
      await inParallel(messages, 32, async (n) => {
        const { status, body } = await patiently(() => sender.send(modernText(n, 'tools/call', `"name":"echo","arguments":${given(n)}`), modernHeaders('tools/call', 'echo')), isNotExecuted)
        if ((status === 400) !== isBad(n)) violations.push(`message ${n}: ${status} to ${given(n).slice(0, 300)}: ${body.slice(0, 200)}`)
        told.push(body)
      })
      sender.close()
      const rows = recorded(gateway).filter(({ method, findings }) => method === 'tools/call' && findings === '[]')
      const compare = (what: string, arrived: ReadonlyMap<number, string>, kept: ReadonlyMap<number, string>, original: (n: number) => string, mayPass: (n: number) => boolean) => {
        const pairs = [...arrived].map(([n, text]) => [`${what} ${n}`, text, original(n)] as const)
        for (const [n, text] of arrived) {
          if (!mayPass(n)) violations.push(`${what} ${n}: must not pass, and arrived as ${text.slice(0, 200)}`)
          if (kept.has(n) && kept.get(n) !== text) violations.push(`${what} ${n}: arrived as ${text.slice(0, 200)}, recorded is ${kept.get(n)?.slice(0, 200)}`)
        }
        violations.push(...differences(pairs.filter((_pair, at) => mayPass([...arrived.keys()][at] ?? 0))))
        const comparable = [...arrived.keys()].filter((n) => kept.has(n)).length
        if (comparable < messages * 0.75) violations.push(`${what}: only ${comparable} of ${messages} could be compared`)
      }
      const messagesOf = (direction: string) => rows.filter((row) => row.direction === direction).map(({ message }) => message)
      compare('call', byNumber(stub.received.map(({ body }) => body), argumentsIn), byNumber(messagesOf('to_server'), argumentsIn), given, (n) => !isBad(n))
      compare('answer', byNumber(told, contentIn), byNumber(messagesOf('to_client'), contentIn), answered, (n) => !isBad(n) && n % badEvery !== 6)
      return { messages, violations }
    },
  )
}
