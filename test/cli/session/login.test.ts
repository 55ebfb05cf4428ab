import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answerWith, createTerminal, sayYes, type Terminal } from './terminal.ts'
import { createPersonBrowser } from '../../support/person-browser.ts'
import { startWorld, type World } from '../../oauth/world.ts'

const roles = `package policies.staff

roles contains "auditor" if input.actor.email == "sam@example.com"

allow if input.actor.kind != "nobody"

allow_server := true

allow_other := true
`
let world: World
const terminals: Terminal[] = []
const open = (options?: Parameters<typeof createTerminal>[0]): Terminal => {
  const terminal = createTerminal(options)
  terminals.push(terminal)
  return terminal
}
beforeAll(async () => {
  world = await startWorld({ rego: { 'policies/staff/staff.rego': roles } })
})
afterAll(async () => {
  await world?.close()
  for (const terminal of terminals) terminal.close()
})

const filesOf = ({ home }: Terminal): readonly string[] => readdirSync(join(home, 'config/sallyport/gateways')).filter((name) => name.endsWith('.json')).map((name) => join(home, 'config/sallyport/gateways', name))
interface Kept { readonly gateway: string; readonly resources: Record<string, { expires_at: number; tokens?: { access_token: string; refresh_token: string } }> }
const keptIn = (terminal: Terminal): Kept => JSON.parse(readFileSync(filesOf(terminal)[0] ?? '', 'utf8')) as Kept
const apiTokens = (terminal: Terminal) => keptIn(terminal).resources[`${world.url}/api/v1`]?.tokens
/** As if ten minutes had passed for the command; the gateway goes by its own clock. */
const letExpire = (terminal: Terminal): void => {
  const [file = ''] = filesOf(terminal)
  const kept = keptIn(terminal)
  for (const entry of Object.values(kept.resources)) entry.expires_at = 0
  writeFileSync(file, JSON.stringify(kept), { mode: 0o600 })
}

describe('sallyport login', () => {
  test('a browser is opened with one argument, the person says yes, and every command is theirs until logout', async () => {
    const me = open()
    const done = await me.runSigningIn(['login', '--url', world.url, '--json'])
    expect(done).toMatchObject({ code: 0 })
    expect(JSON.parse(done.out)).toEqual({ gateway: world.url, resource: `${world.url}/api/v1`, kept_in: filesOf(me)[0] })
    expect(me.opened()).toEqual([[expect.stringMatching(new RegExp(`^${world.url}/oauth/authorize\\?`))]])
    const asked = new URL(me.opened()[0]?.[0] ?? '')
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({ client_id: 'sallyport-cli', resource: `${world.url}/api/v1`, code_challenge_method: 'S256', redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/) })

    const listed = await me.run(['sessions', 'list', '--json'])
    expect([listed.code, listed.err]).toEqual([0, ''])
    expect(JSON.parse(listed.out)).toMatchObject({ items: expect.any(Array) })
    expect((await me.run(['sessions', 'list'], { SALLYPORT_URL: world.url })).code).toBe(0)

    const { access_token: token = '', refresh_token: refresh = '' } = apiTokens(me) ?? {}
    expect(await me.run(['logout'])).toMatchObject({ code: 0, out: `signed out of ${world.url}\n` })
    expect(filesOf(me)).toEqual([])
    const after = await fetch(`${world.url}/api/v1/sessions`, { headers: { authorization: `Bearer ${token}` } })
    const again = await fetch(`${world.url}/oauth/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'sallyport-cli', refresh_token: refresh }) })
    expect([after.status, again.status]).toEqual([401, 400])
    expect(await me.run(['sessions', 'list'], { SALLYPORT_URL: world.url })).toMatchObject({ code: 2, err: expect.stringContaining('run `sallyport login') })
  })

  test('what is kept is its owner\'s alone, and is not used once others could read it', async () => {
    const me = open()
    await me.runSigningIn(['login', '--url', world.url])
    const [file = ''] = filesOf(me)
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
    expect((statSync(join(file, '..')).mode & 0o777).toString(8)).toBe('700')
    chmodSync(file, 0o644)
    expect(await me.run(['sessions', 'list'], { SALLYPORT_URL: world.url })).toMatchObject({ code: 3, err: expect.stringContaining('can be read by others') })
    chmodSync(file, 0o600)
    chmodSync(join(file, '..'), 0o777)
    expect(await me.run(['sessions', 'list'], { SALLYPORT_URL: world.url })).toMatchObject({ code: 3, err: expect.stringContaining('can be written by others') })
  })

  test('a person who says no is not signed in', async () => {
    const me = open()
    const done = await me.runSigningIn(['login', '--url', world.url], (url) => answerWith('deny', url))
    expect(done).toMatchObject({ code: 3, out: '', err: expect.stringContaining('the person said no') })
  })

  test('what else reaches the port of the command ends nothing', async () => {
    const me = open()
    const done = await me.runSigningIn(['login', '--url', world.url], async (url) => {
      const redirect = new URL(url).searchParams.get('redirect_uri') ?? ''
      const statuses = await Promise.all([
        fetch(`${redirect}?code=stolen&state=guessed`), fetch(`${redirect}?error=access_denied`), fetch(redirect.replace('callback', '')),
        fetch(`${redirect}?code=x&state=${new URL(url).searchParams.get('state')}`, { method: 'POST' }),
      ])
      expect(statuses.map(({ status }) => status)).toEqual([404, 404, 404, 404])
      await sayYes(url)
    })
    expect(done.code).toBe(0)
  })

  test('a gateway that calls itself otherwise, is none, or cannot be trusted on the way is refused', async () => {
    const me = open()
    const says = async (url: string) => {
      const { code, err } = await me.run(['login', '--url', url])
      return [code, err]
    }
    expect(await says(world.url.replace('127.0.0.1', 'localhost'))).toEqual([3, expect.stringContaining(`calls itself ${world.url}`)])
    expect(await says(world.upstream.url)).toEqual([3, expect.stringContaining('nobody can sign in')])
    expect(await says('http://gateway.example')).toEqual([2, expect.stringContaining('neither https nor this machine')])
    expect(await says('http://127.0.0.1:1')).toEqual([3, expect.stringContaining('could not be asked')])
    expect(await says('gateway')).toEqual([2, expect.stringContaining('not an http or https URL')])
    expect(await me.run(['login'])).toMatchObject({ code: 2 })
    expect(me.opened()).toEqual([])
  })
})

describe('a machine without a browser', () => {
  /** Somebody opens the address on a machine of their own, and sees the code there. */
  const elsewhere = async (told: string): Promise<void> => {
    const [, code = '', url = ''] = /code (\S+):\n {2}(\S+)/.exec(told) ?? []
    const browser = createPersonBrowser()
    const page = await browser.visit(url)
    const asked = page.text.includes('name="answer"') ? page : await browser.submit(page, { user_code: code })
    expect(asked.text).toContain(code)
    expect((await browser.submit(asked, { answer: 'allow' }, 'name="answer"')).status).toBe(200)
  }
  test.each([['without a screen', { hasScreen: false }, []], ['where it is asked for', {}, ['--device']]])('%s: a code is typed in elsewhere', async (_, machine, more) => {
    const me = open(machine)
    let told = ''
    const done = await me.run(['login', '--url', world.url, ...more], {}, (text) => {
      if (told === '' && /:\n {2}\S+\n/.test(text)) void elsewhere((told = text))
    })
    expect([done.code, done.err]).toEqual([0, told])
    expect((await me.run(['sessions', 'list'])).code).toBe(0)
    expect(me.opened()).toEqual([])
  })
})

describe('tokens that run out', () => {
  test('are renewed once by commands that run side by side, and all of them go on', async () => {
    const me = open()
    await me.runSigningIn(['login', '--url', world.url])
    const before = apiTokens(me)
    letExpire(me)
    const runs = await Promise.all([1, 2, 3].map(() => me.run(['sessions', 'list', '--json'], { SALLYPORT_URL: world.url })))
    expect(runs.map(({ code, err }) => [code, err])).toEqual([[0, ''], [0, ''], [0, '']])
    const after = apiTokens(me)
    expect(after?.refresh_token).not.toBe(before?.refresh_token)
    // A second use of a refresh token would have ended all that came of it.
    letExpire(me)
    expect((await me.run(['sessions', 'list'], { SALLYPORT_URL: world.url })).code).toBe(0)
  })

  test('that the gateway refuses before are renewed too', async () => {
    const me = open()
    await me.runSigningIn(['login', '--url', world.url])
    const [file = ''] = filesOf(me)
    const kept = keptIn(me)
    const entry = kept.resources[`${world.url}/api/v1`]
    if (entry?.tokens === undefined) throw new Error('nothing is kept')
    entry.tokens.access_token = `${entry.tokens.access_token.slice(0, -6)}AAAAAA`
    writeFileSync(file, JSON.stringify(kept), { mode: 0o600 })
    expect((await me.run(['sessions', 'list'], { SALLYPORT_URL: world.url })).code).toBe(0)
  })

  test('and cannot be renewed are erased, and the person is told to sign in', async () => {
    const me = open()
    await me.runSigningIn(['login', '--url', world.url])
    const { refresh_token: token = '' } = apiTokens(me) ?? {}
    await fetch(`${world.url}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ client_id: 'sallyport-cli', token }) })
    letExpire(me)
    expect(await me.run(['sessions', 'list'], { SALLYPORT_URL: world.url })).toMatchObject({ code: 3, err: expect.stringMatching(/has ended: run `sallyport login/) })
    expect(filesOf(me)).toEqual([])
  })
})

// Secrets by the standard input, one file for each resource; what it was called with is written down.
const keyring = `#!/bin/sh
echo "$@" >> "$HOME/secret-tool-calls"
for last; do :; done
file="$HOME/ring-$(printf '%s' "$last" | tr -c 'a-zA-Z0-9' _)"
case "$1" in
  store) cat > "$file" ;;
  lookup) cat "$file" 2>/dev/null ;;
  clear) rm -f "$file" ;;
esac
`
test('where there is a keyring the tokens are there, given by its standard input, and nowhere else', async () => {
  const me = open({ secretTool: keyring })
  const done = await me.runSigningIn(['login', '--url', world.url])
  expect(done).toMatchObject({ code: 0, out: `signed in to ${world.url}; the tokens are in the keyring\n` })
  const ring = readdirSync(me.home).find((name) => name.startsWith('ring-')) ?? ''
  const kept = JSON.parse(readFileSync(join(me.home, ring), 'utf8')) as { access_token: string; refresh_token: string }
  expect((await me.run(['sessions', 'list'])).code).toBe(0)
  for (const file of [...filesOf(me), join(me.home, 'secret-tool-calls')]) {
    for (const secret of [kept.access_token, kept.refresh_token]) expect(readFileSync(file, 'utf8')).not.toContain(secret)
  }
  expect(readFileSync(join(me.home, 'secret-tool-calls'), 'utf8')).toContain(`lookup service sallyport resource ${world.url}/api/v1\n`)
  expect((await me.run(['logout'])).code).toBe(0)
  expect(readdirSync(me.home).some((name) => name.startsWith('ring-'))).toBe(false)
})
