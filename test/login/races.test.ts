import { randomBytes } from 'node:crypto'
import type { AccountId } from '../../src/account.ts'
import { createKept, type Kept } from '../../src/kept.ts'
import { createAccounts, type OwnAccounts } from '../../src/login/accounts.ts'
import type { Change, News } from '../../src/login/changes.ts'
import type { Renewed, Verified } from '../../src/login/provider.ts'
import { keyOf } from '../../src/login/subjects.ts'
import type { Person } from '../../src/model.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import { silent } from '../contract/rows.ts'
import { scratch } from '../store/scratch.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { startShapedIssuer } from '../support/shaped-issuer.ts'
import { interleaved, type Step } from './interleaved.ts'
import { bounds, provider, startWorld } from './world.ts'

// Somebody signs in, and is ended, in several processes over one store, at the worst moment.

const day = 24 * 60 * 60_000
const sam: Person = { kind: 'person', subject: 'sam', issuer: 'https://idp.example', provider: 'corp', groups: ['support'], groups_known: true, claims: {} }
const whoAsks: Verified = { person: sam, at: 0, session: 'session-1', renewal: { refresh_token: 'one' } }
const whoCannotBeAskedAbout: Verified = { person: sam, at: 0, session: 'session-1' }
let place: ReturnType<typeof scratch>
let store: Store
let kept: Kept
let offset: number
const clock = () => Date.now() + offset

beforeEach(async () => {
  offset = 0
  place = scratch()
  store = await createSqliteStore({ path: place.path, logger: silent })
  kept = createKept(store.kept, randomBytes(32), clock)
})
afterEach(async () => {
  await store.close()
  place.remove()
})

const renew = async (): Promise<Renewed> => ({ kind: 'renewed', person: sam, renewal: { refresh_token: 'next' } })
const createProcess = (over: Kept = kept): OwnAccounts => createAccounts({ kept: over, bounds, provider: () => ({ renew }), clock, logger: silent })
/** Another process, which does something else when this one is about to take the step. */
function createInterrupted(step: Step, meanwhile: () => Promise<unknown>): OwnAccounts {
  let isDone = false
  return createProcess(interleaved(kept, (next) => {
    if (next !== step || isDone) return undefined
    isDone = true
    return meanwhile()
  }))
}
test('what another process tells is acted on once, and nothing is looked for', async () => {
  const told: News[] = []
  const heard: Change['what'][] = []
  let looks = 0
  const one = createAccounts({ kept, bounds, provider: () => ({ renew }), clock, logger: silent, announced: async (news) => void told.push(news) })
  const other = createProcess({ ...kept, list: (...of) => ((looks += 1), kept.list(...of)) })
  other.follow(({ what }) => void heard.push(what))
  const { id } = await one.signIn(whoAsks)
  expect((await other.get(id))?.id).toBe(id)
  await one.end(id, 'here')
  for (const news of told) other.hear(news)
  expect([heard, looks, await other.get(id)]).toEqual([['ended'], 0, undefined])
  await other.tick([])
  expect(heard).toEqual(['ended'])
})

const idNow = async (): Promise<AccountId | undefined> => (await createProcess().find(sam))?.id

test.each<readonly [string, Step]>([['the account', 'drop login:account'], ['the name', 'swap login:subject']])('who signs in anew while an ending is at %s keeps the new account, and can be ended by name', async (_what, step) => {
  const first = (await createProcess().signIn(whoAsks)).id
  const slow = createInterrupted(step, async () => {
    await createProcess().endAll({ provider: 'corp', issuer: sam.issuer, subject: 'sam' }, 'elsewhere')
    await createProcess().signIn(whoAsks)
  })
  await slow.end(first, 'here')
  const second = await idNow()
  expect(second).toBeDefined()
  expect(second).not.toBe(first)
  expect(await createProcess().endAll({ provider: 'corp', issuer: sam.issuer, subject: 'sam' }, 'told')).toBe(1)
  expect(await idNow()).toBeUndefined()
})

test.each<Step>(['get login:account', 'swap login:subject', 'swap login:account', 'put login:sid'])('an account that ends while its person signs in does not come back (before "%s")', async (step) => {
  const first = (await createProcess().signIn(whoAsks)).id
  const slow = createInterrupted(step, () => createProcess().end(first, 'meanwhile'))
  await slow.signIn(whoAsks)
  expect(await kept.get('login:account', first)).toBeUndefined()
  expect(await idNow()).not.toBe(first)
})

test.each<readonly [Step, number]>([['drop login:account', 1], ['dropGroup login:browser', 1], ['dropGroup login:sid', 1], ['swap login:subject', 2]])('an ending that fails half-way is ended whole before its person signs in (at "%s", time %i)', async (step, time) => {
  const first = (await createProcess().signIn(whoAsks)).id
  let times = 0
  const failing = createProcess(interleaved(kept, (next) => (next === step && ++times === time ? Promise.reject(new Error('the disk is full')) : undefined)))
  await expect(failing.end(first, 'an operator said so')).rejects.toThrow('the disk is full')
  expect((await createProcess().signIn(whoAsks)).id).not.toBe(first)
  expect(await createProcess().get(first)).toBeUndefined()
  expect(await kept.get('login:account', first)).toBeUndefined()
})

test('who lapsed comes back as they were; who was ended after that does not', async () => {
  const accounts = createProcess()
  const first = (await accounts.signIn(whoCannotBeAskedAbout)).id
  offset += bounds.session + 1000
  expect(await accounts.get(first)).toBeUndefined()
  expect((await accounts.signIn(whoCannotBeAskedAbout)).id).toBe(first)
  offset += bounds.session + 1000
  const told: string[] = []
  accounts.follow(({ what }) => void told.push(what))
  expect(await accounts.endAll({ provider: 'corp', issuer: sam.issuer, session: 'session-1' }, 'told')).toBe(1)
  expect(told).toEqual(['ended'])
  const second = (await accounts.signIn(whoCannotBeAskedAbout)).id
  expect(second).not.toBe(first)
  offset += bounds.session + 1000
  expect(await accounts.endAll({ provider: 'corp', issuer: sam.issuer, subject: 'sam' }, 'told')).toBe(1)
  expect((await accounts.signIn(whoCannotBeAskedAbout)).id).not.toBe(second)
})

test('a name is kept as long as its person comes, and is gone long after they have stopped', async () => {
  const accounts = createProcess()
  const { id } = await accounts.signIn(whoAsks)
  for (let times = 0; times < 12; times += 1) {
    offset += 20 * day
    expect(await createProcess().get(id)).toBeDefined()
  }
  expect(await idNow()).toBe(id)
  expect(await kept.get('login:subject', keyOf(sam))).toBeDefined()
  offset += 121 * day
  expect(await kept.get('login:subject', keyOf(sam))).toBeUndefined()
})

test('what a provider says has ended and could not be ended can be said again', async () => {
  const issuer = await startShapedIssuer({ sub: 'sam', groups: [], sid: 'session-1' })
  let isBroken = false
  const world = await startWorld([provider('corp', issuer)], { around: (whole) => interleaved(whole, (step) => (isBroken && step === 'drop login:account' ? Promise.reject(new Error('the disk is full')) : undefined)) })
  await createPersonBrowser().visit(`${world.url}/login`)
  const id = (await world.login.accounts.list())[0]?.id ?? 'acc_none'
  const token = await issuer.sign({ sub: 'sam', jti: 'once', events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
  const tell = () => fetch(`${world.url}/login/corp/backchannel-logout`, { method: 'POST', body: new URLSearchParams({ logout_token: token }) })
  isBroken = true
  expect((await tell()).status).toBe(400)
  isBroken = false
  expect(await world.login.accounts.get(id)).toBeDefined()
  expect((await tell()).status).toBe(200)
  expect(await world.login.accounts.get(id)).toBeUndefined()
  expect((await tell()).status).toBe(400)
  await world.close()
  await issuer.close()
})
