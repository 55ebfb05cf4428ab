import express, { Router, type Request, type Response } from 'express'
import type Provider from 'oidc-provider'
import type { OidcClient, OidcDeviceCode } from 'oidc-provider'
import type { Browsers, SignedIn } from '../../account.ts'
import type { Kept } from '../../kept.ts'
import { html, sendPage, type Page } from '../../page.ts'
import type { Clock, Logger } from '../../model.ts'
import { createTelling, nameOf, titleOf } from '../asked.ts'
import { paths } from '../provider.ts'
import { createRate, type Tally } from '../rates.ts'
import type { Resource, Resources } from '../resources.ts'

export interface DeviceParts {
  readonly provider: () => Provider
  readonly browsers: Browsers
  readonly resources: Resources
  readonly describeScope: (scope: string) => string
  readonly kept: Kept
  readonly tally: Tally
  readonly clock: Clock
  readonly logger: Logger
}
/** What a device asks for, and waits to be told. */
interface Asked {
  readonly code: OidcDeviceCode
  readonly client: OidcClient
  readonly resource: Resource
  /** The resource as the client wrote it. */
  readonly uri: string
  readonly scopes: readonly string[]
}

const devicePath = paths.code_verification
/** RFC 8628 section 5.1: twenty signs in eight places, ten minutes, and so many wrong ones of one person in a minute. */
const wrongPerMinute = 10
const answeredFor = 60 * 60_000
const normal = (code: unknown): string => (typeof code === 'string' && code.length <= 64 ? code.toUpperCase().replace(/[^A-Z]/g, '') : '')
const shown = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`

/** The page where somebody types in what a device shows (RFC 8628 section 3.3). The library's own stands on sessions that are not kept. */
export function createDevicePages(parts: DeviceParts): Router {
  const { browsers, kept, clock, logger } = parts
  const router = Router({ caseSensitive: true, strict: true })
  const mayTry = createRate('wrong device codes', wrongPerMinute, parts.tally)

  router.get(devicePath, async (request, response) => {
    const code = normal(request.query['user_code'])
    const who = await browsers.current(request)
    if (who === undefined) return response.redirect(303, browsers.loginPath(code === '' ? devicePath : `${devicePath}?user_code=${code}`))
    sendPage(response, 200, enter(who, code))
  })

  router.post(devicePath, express.urlencoded({ extended: false, limit: '4kb' }), async (request: Request, response: Response) => {
    const who = await browsers.current(request)
    if (who === undefined) return response.redirect(303, browsers.loginPath(devicePath))
    const form = (request.body ?? {}) as Readonly<Record<string, unknown>>
    if (!browsers.mayPost(who, form['csrf'])) return sendPage(response, 403, { title: 'This form is not yours', body: html`<p>It was made for another sign-in. <a href="${devicePath}">Begin again.</a></p>` })
    if (!(await mayTry(who.account.id))) return sendPage(response.set('Retry-After', '60'), 429, { title: 'Too many codes', body: html`<p>Wait a minute, then type in the code that your device shows.</p>` })
    const asked = await find(normal(form['user_code']))
    if (asked === undefined) return sendPage(response, 400, enter(who, '', 'No device waits for that code. It may have expired, or have been used: have the device show a new one.'))
    await mayTry(who.account.id, -1)
    if (form['answer'] !== 'allow' && form['answer'] !== 'deny') return sendPage(response, 200, confirm(asked, who))
    // Of two answers the first counts, whoever gives them.
    if (!(await kept.add('oauth:device', asked.code.jti, {}, { expiresAt: clock() + answeredFor }))) return sendPage(response, 400, enter(who, '', 'That code has been used.'))
    if (form['answer'] === 'deny') {
      await Object.assign(asked.code, { error: 'access_denied', errorDescription: 'the person said no' }).save()
      return sendPage(response, 200, { title: 'Not allowed', body: html`<p>The device got nothing. You can close this page.</p>` })
    }
    await allow(asked, who)
    logger.info('a client was let in by a device', { client: asked.client.clientId, account: who.account.id, resource: asked.resource.uri, scopes: asked.scopes })
    sendPage(response, 200, { title: 'Done', body: html`<p>Go back to your device: it goes on by itself. You can close this page.</p>` })
  })

  async function find(userCode: string): Promise<Asked | undefined> {
    const code = userCode === '' ? undefined : await parts.provider().DeviceCode.findByUserCode(userCode)
    if (code === undefined || code.isExpired || code.consumed || code.accountId !== undefined || code.error !== undefined) return undefined
    const client = await parts.provider().Client.find(code.clientId)
    const { resource: named, scope } = code.params
    const uri: unknown = Array.isArray(named) ? named[0] : named
    const resource = parts.resources.find(uri)
    if (client === undefined || resource === undefined || typeof uri !== 'string') return undefined
    const wanted = new Set(String(scope ?? '').split(' '))
    return { code, client, resource, uri, scopes: resource.scopes.filter((one, index) => index === 0 || wanted.has(one)) }
  }

  async function allow({ code, client, uri, scopes }: Asked, { account, at, acr, amr }: SignedIn): Promise<void> {
    const { Grant } = parts.provider()
    const grant = new Grant({ accountId: account.id, clientId: client.clientId })
    grant.addResourceScope(uri, scopes.join(' '))
    const own = { accountId: account.id, grantId: await grant.save(), authTime: Math.floor(at / 1000), scope: scopes.join(' '), resource: uri, ...(acr === undefined ? {} : { acr }), ...(amr === undefined ? {} : { amr }) }
    await Object.assign(code, own).save()
  }

  const telling = createTelling(parts.describeScope)

  const enter = (who: SignedIn, code: string, problem?: string): Page => ({
    title: 'Connect a device',
    body: html`${problem === undefined ? undefined : html`<p class="bad" role="alert">${problem}</p>`}
<form method="post" action="${devicePath}"><input type="hidden" name="csrf" value="${who.csrf}">
<p><label for="code">The code that your device shows</label></p><input id="code" name="user_code" value="${code === '' ? '' : shown(code)}" required maxlength="16" autocomplete="off" autocapitalize="characters" spellcheck="false">
<div class="acts"><button>Continue</button></div></form><p class="dim">Signed in as ${telling.signedInAs(who)}</p>`,
  })

  const confirm = (asked: Asked, who: SignedIn): Page => ({
    title: titleOf(asked.client),
    body: html`<p><strong>${nameOf(asked.client)}</strong> wants to use ${telling.what(asked.resource)} in your name, from another device.</p>
${telling.details(asked, who, html`<dt>Code</dt><dd><strong>${shown(asked.code.userCode)}</strong></dd>`)}
<p class="bad">Go on only if you have just started this yourself and the device in front of you shows this code. If somebody sent you the code, or a link to this page, do not.</p>
<form method="post" action="${devicePath}"><input type="hidden" name="csrf" value="${who.csrf}"><input type="hidden" name="user_code" value="${asked.code.userCode}">
${telling.answers}</form>`,
  })
  return router
}
