import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Teller } from './tell.ts'
import { type Api, connect, openApi, sallyport, tokenOf } from './world.ts'

export interface Answer {
  readonly content?: readonly { readonly type: string; readonly text?: string }[]
  readonly structuredContent?: Readonly<Record<string, unknown>>
  readonly isError?: boolean
  readonly _meta?: Readonly<Record<string, unknown>>
}
interface Verdict {
  readonly kind: string
  readonly reasons: readonly { readonly code: string; readonly message?: string }[]
  readonly approval_id?: string
}
interface Approval {
  readonly id: string
  readonly state: string
  readonly created_at: string
  readonly requester: { readonly subject: string }
  readonly call: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }
}
interface List<T> {
  readonly items: readonly T[]
}

/** What must not be seen: sixteen digits of a card, a social security number, an API key. */
const secrets = [/(?<!\d)\d{16}(?!\d)/, /(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)/, /sk_test_[A-Za-z0-9]{10,}/]
const isClean = (value: unknown): boolean => !secrets.some((pattern) => pattern.test(typeof value === 'string' ? value : JSON.stringify(value)))

const textOf = (answer: Answer): string => answer.content?.map(({ text }) => text ?? '').join('\n') ?? ''
const verdictOf = (answer: Answer): Verdict | undefined => answer._meta?.['sallyport/decision'] as Verdict | undefined
const patience = { timeout: 600_000, resetTimeoutOnProgress: true, onprogress: () => {} }
const call = async (client: Client, name: string, args: Record<string, unknown>): Promise<Answer> =>
  (await client.callTool({ name, arguments: args }, undefined, patience)) as Answer

export async function toolsPerPerson(url: string, tell: Teller): Promise<void> {
  await tell.step('Everybody sees the tools that are theirs')
  const expected = {
    support: ['query', 'list_customers', 'get_customer', 'export_customers'],
    reviewer: ['query', 'list_customers', 'get_customer', 'export_customers', 'alter_schema'],
    auditor: ['list_customers'],
    ci: ['query', 'list_customers'],
  }
  await tell.say('The same server, the same URL. Each asks with a token of their own, and Rego decides which tools exist for them.')
  for (const [persona, wanted] of Object.entries(expected)) {
    const client = await connect(url, persona)
    const names = (await client.listTools()).tools.map(({ name }) => name)
    await client.close()
    await tell.claim(`${persona.padEnd(8)} ${names.join(', ')}`, JSON.stringify(names) === JSON.stringify(wanted), { names, wanted })
  }
}

export async function maskedAnswer(sam: Client, tell: Teller): Promise<void> {
  await tell.step('Answers come back masked')
  await tell.say('Sam, in support, looks up customer 7. The CRM answers with card, social security number and API key; the gateway replaces them.')
  const answer = await call(sam, 'get_customer', { id: 7 })
  await tell.show(JSON.stringify(answer.structuredContent, null, 2))
  const customer = answer.structuredContent?.['customer'] as Readonly<Record<string, unknown>> | undefined
  await tell.claim('the customer is there', customer?.['id'] === 7, answer)
  await tell.claim('no card number, social security number or key is in the answer', isClean(answer), answer)
  await tell.claim('a placeholder stands in their place', String(customer?.['card_number']).startsWith('['), customer)
}

export async function refusedDrop(sam: Client, tell: Teller): Promise<void> {
  await tell.step('A DROP is refused before the server sees it')
  await tell.say('An agent of Sam, or a text that it read, has an idea: DROP TABLE customers.')
  const answer = await call(sam, 'query', { sql: 'DROP TABLE customers' })
  await tell.show(textOf(answer))
  const verdict = verdictOf(answer)
  await tell.claim(
    'refused, with a reason that model and person can read: destructive_sql',
    answer.isError === true && verdict?.kind === 'deny' && verdict.reasons.some(({ code }) => code === 'destructive_sql'),
    answer,
  )
  const count = await call(sam, 'query', { sql: 'SELECT count(*) AS customers FROM customers' })
  await tell.claim('the table is as it was', JSON.stringify(count.structuredContent?.['rows']) === '[{"customers":5000}]', count)
}

/** Waits until the call is held and reviewers can see it. */
async function findHeld(riley: Api, since: string, limit: number, ended: () => boolean): Promise<Approval | undefined> {
  while (!ended()) {
    const { items } = await riley.get<List<Approval>>('approvals?state=pending')
    const held = items.find((item) => item.requester.subject === 'sam' && item.call.arguments['limit'] === limit && item.created_at >= since)
    if (held !== undefined) return held
    await pause(100)
  }
  return undefined
}

export async function heldExport(url: string, sam: Client, tell: Teller, auto: boolean): Promise<void> {
  await tell.step('A bulk export waits for a person')
  await tell.say('Sam asks for 2000 customers. More than 1000 needs the consent of somebody on call.')
  const [riley, samApi] = [await openApi(url, 'reviewer'), await openApi(url, 'support')]
  const since = new Date(Date.now() - 1000).toISOString()
  const limit = 2000
  let answer: Answer | undefined
  const ask = () => call(sam, 'export_customers', { limit, format: 'csv' }).then((given) => (answer = given))
  let asking = ask()
  // Looked at below; until then a failure elsewhere may end the tour first.
  asking.catch(() => undefined)
  const held = await findHeld(riley, since, limit, () => answer !== undefined)
  if (held === undefined) return tell.claim('the call is held', false, answer)
  await tell.claim(`the call is held as ${held.id}; nothing reached the server`, answer === undefined, answer)
  const own = await samApi.post(`approvals/${held.id}/approve`, {})
  await tell.claim('Sam cannot consent to what Sam asked for', own.status === 403, own)

  if (auto) {
    await tell.say('Riley, the reviewer on call, agrees (the tour answers in Riley\'s place).')
    const approved = await riley.post(`approvals/${held.id}/approve`, { reason: 'agreed with the customer team' })
    await tell.claim('approved', approved.status === 200, approved)
  } else {
    await tell.say('You are Riley now. In another terminal, in this directory:')
    tell.command(`export SALLYPORT_URL=${url} SALLYPORT_TOKEN="$(npx --no sallyport token reviewer)"`)
    tell.command(`npx --no sallyport approvals show ${held.id}`)
    tell.command(`npx --no sallyport approvals approve ${held.id} --reason 'agreed with Sam'`)
    await tell.say('The tour waits for you …')
  }
  for (;;) {
    await asking
    // A client that waited too long is told to call again; the same call finds its approval.
    const again = answer?.isError === true && verdictOf(answer)?.kind === 'require_approval' && verdictOf(answer)?.approval_id === held.id
    if (!again || (await riley.get<Approval>(`approvals/${held.id}`)).state === 'refused') break
    answer = undefined
    asking = ask()
  }
  if (answer?.isError === true) await tell.show(textOf(answer))
  await tell.claim('with consent the export runs: 2000 customers', answer?.isError !== true && answer?.structuredContent?.['count'] === limit, { ...answer, content: textOf(answer ?? {}).slice(0, 500) })
  await tell.claim('and is masked all the same', isClean(answer))
  const after = await riley.get<Approval>(`approvals/${held.id}`)
  await tell.claim('the consent is used up', after.state === 'executed', after)
}

export async function replayed(url: string, since: string, tell: Teller): Promise<void> {
  await tell.step('The session is replayed')
  await tell.say('Ada, the auditor, finds the session and steps through it: who, when, what, what was decided and why.')
  const ada = await openApi(url, 'auditor')
  const { items } = await ada.get<List<{ readonly id: string }>>(`sessions?actor=sam&upstream=crm&from=${since}`)
  const found = items[0]
  if (found === undefined) return tell.claim('the session is found', false, items)
  const env = { SALLYPORT_URL: url, SALLYPORT_TOKEN: await tokenOf('auditor', 'api') }
  tell.command(`npx --no sallyport sessions replay ${found.id} --method tools/call`)
  await tell.show(await sallyport(['sessions', 'show', found.id, '--method', 'tools/call'], env))
  const whole = await sallyport(['sessions', 'replay', found.id, '--full'], env)
  const { events } = JSON.parse(await sallyport(['sessions', 'replay', found.id, '--json'], env)) as {
    readonly events: readonly { readonly call: string | null; readonly decision: { readonly kind: string }; readonly outcome: string }[]
  }
  const has = (name: string, kind: string) => events.some(({ call, decision }) => call === name && decision.kind === kind)
  await tell.claim('the masked answer, the refusal and the held export are all there', has('get_customer', 'mask') && has('query', 'deny') && has('export_customers', 'require_approval'), events)
  await tell.claim('what was masked is masked in the record too', isClean(whole))
}
