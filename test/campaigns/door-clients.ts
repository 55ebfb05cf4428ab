import { readMessages } from '../support/events.ts'
import { connect, modernMeta } from '../support/gateway.ts'
import { openSse } from '../support/sse-client.ts'
import { isNotExecuted, modernHeaders, patiently } from './client.ts'
import { bans, marksIn } from './marked-server.ts'

export type Door = '2026-07-28' | '2025-11-25' | '2025-06-18' | '2025-03-26' | 'sse'
export interface Talking {
  readonly door: Door
  readonly url: string
  readonly token: string
  readonly calls: number
  readonly markOf: (n: number) => string
}
/** Everything that was sent to a client while it waited for one call. */
export interface Heard {
  readonly stem: string
  readonly text: string
}
interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: unknown
}

/** One client, its calls one after another: each with a notice before it and a reply to what the server asks, where the revision has them. */
export const talk = (talking: Talking): Promise<readonly Heard[]> => (talking.door === 'sse' ? overSse(talking) : talking.door === '2026-07-28' ? withoutSession(talking) : inSession(talking))

const banOf = (n: number) => bans[n % bans.length] ?? ''
const paramsOf = (stem: string, n: number, asks: boolean) => ({ name: 'work', arguments: { mark: `${stem}-c${banOf(n) === 'c' ? 'x' : ''}`, ban: banOf(n), asks }, _meta: { progressToken: n } })
const noticeOf = (stem: string, n: number) => ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: n, progress: 1, message: `${stem}-n${n % 2 === 0 ? 'x' : ''}` } })
/** To what was asked, by its own mark: a question that went astray is answered by who got it. */
function replyTo({ id, params }: Message, n: number) {
  const [mark = ''] = marksIn(JSON.stringify(params))
  return { jsonrpc: '2.0', id, result: { role: 'assistant', model: 'm', content: { type: 'text', text: `${mark.replace(/-.*/, '-r')}${banOf(n) === 'r' ? 'x' : ''}` } } }
}
const isQuestion = ({ method }: Message) => method === 'sampling/createMessage'

/** What a busy gateway turned away is sent again; a stream is left unread. */
const sendPatiently = (send: () => Promise<Response>): Promise<Response> =>
  patiently(async () => {
    const response = await send()
    if (response.status !== 408 && response.status !== 503) return { status: response.status, body: '', response }
    const body = await response.text()
    return { status: response.status, body, response: new Response(body, response) }
  }, isNotExecuted).then(({ response }) => response)

async function withoutSession({ url, token, door, calls, markOf }: Talking): Promise<readonly Heard[]> {
  const client = await connect(url, token, door)
  const heard: Heard[] = []
  for (let n = 1; n <= calls; n += 1) {
    const { _meta, ...params } = paramsOf(markOf(n), n, false)
    const body = { jsonrpc: '2.0', id: n, method: 'tools/call', params: { ...params, _meta: { ...modernMeta, ..._meta } } }
    const response = await sendPatiently(() => client.send(body, modernHeaders('tools/call', 'work')))
    heard.push({ stem: markOf(n), text: await response.text() })
  }
  return heard
}

async function inSession({ url, token, door, calls, markOf }: Talking): Promise<readonly Heard[]> {
  const client = await patiently(() => connect(url, token, door, { sampling: {} }))
  const heard: Heard[] = []
  for (let n = 1; n <= calls; n += 1) {
    const stem = markOf(n)
    await sendPatiently(() => client.send(noticeOf(stem, n)))
    const request = { jsonrpc: '2.0', id: n, method: 'tools/call', params: paramsOf(stem, n, true) }
    const response = await sendPatiently(() => client.send(door === '2025-03-26' ? [request] : request))
    let text = ''
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) text = await response.text()
    else
      for await (const message of readMessages(response)) {
        text += JSON.stringify(message)
        if (isQuestion(message)) await sendPatiently(() => client.send(replyTo(message, n)))
      }
    heard.push({ stem, text })
  }
  await fetch(url, { method: 'DELETE', headers: { authorization: `Bearer ${token}`, 'mcp-session-id': client.session ?? '' } })
  return heard
}

async function overSse({ url, token, calls, markOf }: Talking): Promise<readonly Heard[]> {
  const client = await patiently(() => openSse(`${url}/sse`, token, '2025-06-18', { sampling: {} }))
  const heard: Heard[] = []
  const post = (message: object) => sendPatiently(() => client.post(message))
  let from = client.seen.length
  for (let n = 1; n <= calls; n += 1) {
    const stem = markOf(n)
    await post(noticeOf(stem, n))
    await post({ jsonrpc: '2.0', id: n, method: 'tools/call', params: paramsOf(stem, n, true) })
    const isAnswer = (message: Message) => message.id === n && message.method === undefined
    const begun = from
    const next = await client.until((message) => client.seen.indexOf(message) >= begun && (isAnswer(message) || isQuestion(message)))
    if (isQuestion(next)) {
      await post(replyTo(next, n))
      await client.until(isAnswer)
    }
    heard.push({ stem, text: client.seen.slice(from).map((message) => JSON.stringify(message)).join('\n') })
    from = client.seen.length
  }
  client.leave()
  return heard
}
