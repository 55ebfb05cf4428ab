import { randomBytes } from 'node:crypto'
import express, { Router, type Request, type Response } from 'express'
import type { Kept } from '../../kept.ts'
import type { Clock, Logger } from '../../model.ts'
import { html, sendPage } from '../../page.ts'
import { refusedPage } from '../pages.ts'
import type { EndAccounts } from '../provider.ts'
import { localPath } from '../return-path.ts'
import { logoutResponseUrl, type Own } from './library.ts'
import { isSuccess, messageProblem, openPosted, openRedirected, readLogoutRequest, replayableUntil, type SignedMessage } from './logout.ts'
import type { Idp } from './metadata.ts'
import type { Consumed } from './provider.ts'
import { refused, type Refused } from './refused.ts'
import type { SamlSettings } from './settings.ts'
import { makeMetadata, type OwnCertificates } from './sp-metadata.ts'
import { createTurns } from './turns.ts'

export interface SamlRouteParts {
  readonly settings: SamlSettings
  readonly title: string
  readonly own: Own
  readonly certificates: OwnCertificates
  readonly publicUrl: string
  readonly idp: () => Promise<Idp | undefined>
  readonly consume: (encoded: unknown) => Promise<Consumed>
  readonly kept: Kept
  readonly end: EndAccounts
  readonly clock: Clock
  readonly logger: Logger
}

/** `/saml/<provider>/…`: what an identity provider posts to, and reads. */
export function createSamlRoutes(parts: SamlRouteParts): Router {
  const { settings, title, own, certificates, publicUrl, kept, end, clock, logger } = parts
  const { name } = settings
  const router = Router({ caseSensitive: true, strict: true })
  // Apart from those of who signs in, which whoever floods this must not hold up.
  const inTurn = createTurns()
  const readForm = express.urlencoded({ extended: false, limit: '300kb', parameterLimit: 20 })

  const refuse = (response: Response, { code, message, detail }: Refused, page: { readonly title: string; readonly again?: string }): void => {
    const reference = randomBytes(6).toString('hex')
    logger.warn('a SAML message was refused', { provider: name, code, detail, reference })
    sendPage(response, code === 'provider_unavailable' || code === 'busy' ? 503 : 403, refusedPage({ ...page, message: `${title}: ${message}.`, reference }))
  }

  router.get(`/saml/${name}/metadata`, (_request, response) => {
    response.set({ 'Content-Type': 'application/samlmetadata+xml; charset=utf-8', 'Cache-Control': 'no-cache' }).send(makeMetadata(own, settings, certificates))
  })

  // A page of the provider posts here, so that no cookie of this browser comes with it (SameSite=Lax): who began is told where it goes next.
  router.post(`/saml/${name}/acs`, readForm, async (request, response) => {
    const consumed = await parts.consume(((request.body ?? {}) as { readonly SAMLResponse?: unknown }).SAMLResponse)
    response.set('Cache-Control', 'no-store')
    if (consumed.ok) response.redirect(303, consumed.url)
    else refuse(response, consumed, { title: 'You are not signed in', again: `/login/${name}` })
  })

  /** Ends what the provider names, and says so to it. */
  async function carryOut(message: SignedMessage, idp: Idp, response: Response): Promise<void | Refused> {
    const asked = readLogoutRequest(message)
    if (!asked.ok) return asked
    const used = JSON.stringify([idp.issuer, message.id])
    if ((await kept.get('saml:message', used)) !== undefined) return refused('saml_replayed', 'the message was used before')
    // Where people are known by an attribute, the NameID alone says nothing of an account.
    const subject = settings.attributes.subject === undefined ? { subject: asked.nameId } : {}
    const endings = asked.sessions.length === 0 ? [subject] : asked.sessions.map((session) => ({ ...subject, session }))
    let accounts = 0
    for (const ending of endings) accounts += await end({ provider: name, issuer: idp.issuer, ...ending }, 'the provider signed the person out')
    // Used when it was carried out: what failed can be sent again.
    await kept.put('saml:message', used, {}, { expiresAt: replayableUntil(clock()) })
    logger.info('a provider signed somebody out', { provider: name, accounts })
    if (idp.logout !== undefined) return response.redirect(303, await logoutResponseUrl(own, idp, settings, { request: message.id, relay: message.relay }))
    sendPage(response, 200, { title: 'You are signed out', body: html`<p>${title} signed you out here too.</p>` })
  }

  async function takeAnswer(message: SignedMessage, response: Response): Promise<void | Refused> {
    const request = message.root.attributes.get('InResponseTo') ?? ''
    const row = request.length > 256 ? undefined : await kept.get('saml:logout', request)
    if (row?.value['provider'] !== name || !(await kept.take('saml:logout', request))) return refused('saml_unsolicited', 'an answer to no request to sign out')
    const returnTo = String(row.value['returnTo'])
    if (isSuccess(message)) return response.redirect(303, `${publicUrl}${localPath(returnTo.startsWith(`${publicUrl}/`) ? returnTo.slice(publicUrl.length) : '')}`)
    sendPage(response, 200, { title: 'You are signed out here', body: html`<p>${title} did not sign you out everywhere. Close the browser to be sure.</p>` })
  }

  const handle = (open: (request: Request, idp: Idp) => SignedMessage | Refused | Promise<SignedMessage | Refused>) => async (request: Request, response: Response): Promise<void> => {
    response.set('Cache-Control', 'no-store')
    const page = { title: 'Signing out was not completed' }
    const idp = await parts.idp()
    if (idp === undefined) return refuse(response, refused('provider_unavailable', 'no usable metadata'), page)
    const message = await open(request, idp)
    if (!message.ok) return refuse(response, message, page)
    const problem = messageProblem(message, idp, own, clock(), settings.skew) ?? (await (message.name === 'LogoutRequest' ? carryOut(message, idp, response) : takeAnswer(message, response)))
    if (problem !== undefined) refuse(response, problem, page)
  }
  const queryOf = ({ originalUrl }: Request): string => (originalUrl.includes('?') ? originalUrl.slice(originalUrl.indexOf('?') + 1) : '')
  router.get(`/saml/${name}/slo`, handle((request, idp) => openRedirected(queryOf(request), idp)))
  router.post(`/saml/${name}/slo`, readForm, handle(async (request, idp) => (await inTurn(async () => openPosted((request.body ?? {}) as Record<string, unknown>, idp))) ?? refused('busy', 'too many messages about signing out wait to be verified')))
  return router
}
