import { createHash, timingSafeEqual } from 'node:crypto'
import express, { Router, type Request, type Response } from 'express'
import type { Browsers, SignedIn } from '../../account.ts'
import type { Logger } from '../../model.ts'
import { html, sendPage, type Html, type Page } from '../../page.ts'
import type { Connectable, Connections } from './connections.ts'

export interface ConnectRoutesParts {
  readonly connections: Connections
  readonly browsers: Browsers
  readonly logger: Logger
}
type Handler = (request: Request, response: Response, signedIn: SignedIn, server: Connectable) => Promise<void>

const isSame = (given: unknown, wanted: string): boolean => {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(wanted))
}
// Chromium holds a form to `form-action` through every redirect of its answer, and who gives tokens may redirect anywhere: a link is followed there.
const beginKey = ({ csrf }: SignedIn, upstream: string): string => createHash('sha256').update(JSON.stringify(['connect', csrf, upstream])).digest('base64url')

/** Where people connect the gateway to their own accounts at servers, see that they did, and take it back. */
export function createConnectRoutes({ connections, browsers, logger }: ConnectRoutesParts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  const show = (response: Response, page: Page, status = 200) => sendPage(response, status, page)
  const back = html`<p class="dim"><a href="/connect">All servers</a></p>`
  const say = (response: Response, status: number, title: string, message: string, more: Html = back) => show(response, { title, body: html`<p>${message}</p>${more}` }, status)

  const asPerson = (handle: Handler) => async (request: Request<{ upstream: string }>, response: Response) => {
    const signedIn = await browsers.current(request)
    const server = connections.get(request.params.upstream)
    if (server === undefined) return say(response, 404, 'Not found', 'No server of that name is called with your own account.')
    if (signedIn === undefined) {
      if (request.method !== 'GET') return say(response, 403, 'Signed out', 'You are not signed in any more. Sign in and try again.')
      return response.redirect(303, browsers.loginPath(`/connect/${server.upstream}`))
    }
    await handle(request as Request, response, signedIn, server)
  }
  const who = ({ account }: SignedIn) => account.actor
  const day = (at: number) => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

  router.get('/connect', async (request, response) => {
    const signedIn = await browsers.current(request)
    if (signedIn === undefined) return response.redirect(303, browsers.loginPath('/connect'))
    const rows = await Promise.all(connections.all().map(async (server) => ({ server, status: await server.status(who(signedIn)) })))
    const list = rows.map(({ server, status }) => html`<li><a href="/connect/${server.upstream}">${server.upstream}</a> <span class="dim">${status === undefined ? 'not connected' : 'connected'}</span></li>`)
    show(response, { title: 'Your accounts at servers', body: rows.length === 0 ? html`<p>No server is called with your own account.</p>` : html`<ul class="stack">${list}</ul>` })
  })

  router.get('/connect/:upstream', asPerson(async (_request, response, signedIn, server) => {
    const status = await server.status(who(signedIn))
    const { upstream } = server
    const begin = html`<a class="button" href="/connect/${upstream}/begin?key=${beginKey(signedIn, upstream)}">${status === undefined ? 'Connect' : 'Connect again'}</a>`
    const about = html`<p>Calls to <strong>${upstream}</strong> (<code>${new URL(server.url).host}</code>) are made with your own account there. The gateway keeps what it is given encrypted, and uses it for calls of yours only.</p>`
    const details = status === undefined ? html`<p>You are not connected.</p>` : html`<dl><dt>Connected since</dt><dd>${day(status.since)} UTC</dd><dt>By</dt><dd>${new URL(status.issuer).host}</dd><dt>May</dt><dd>${status.scope ?? 'what it was granted there'}</dd>${status.wanted === undefined ? undefined : html`<dt>The server wants</dt><dd>${status.wanted}</dd>`}</dl>`
    const leave = status === undefined ? undefined : html`<form method="post" action="/connect/${upstream}/disconnect"><input type="hidden" name="csrf" value="${signedIn.csrf}"><button class="quiet">Disconnect</button></form>`
    show(response, { title: `Your account at ${upstream}`, body: html`${about}${details}<div class="acts">${begin}${leave}</div>${back}` })
  }))

  router.get('/connect/:upstream/begin', asPerson(async (request, response, signedIn, server) => {
    if (!isSame(request.query['key'], beginKey(signedIn, server.upstream))) return response.redirect(303, `/connect/${server.upstream}`)
    const begun = await server.begin(who(signedIn))
    if (begun.ok) response.set({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).redirect(303, begun.location.href)
    else say(response, 502, 'Not connected', begun.message)
  }))

  router.get(['/connect/:upstream/callback', '/connect/:upstream/callback/:place'], asPerson(async (request, response, signedIn, server) => {
    const { place } = request.params
    const done = await server.finish(who(signedIn), new URL(request.originalUrl, 'http://gateway').search, typeof place === 'string' ? place : undefined)
    if (done.ok) response.set({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).redirect(303, `/connect/${server.upstream}`)
    else say(response, 400, 'Not connected', done.message, html`<p><a href="/connect/${server.upstream}">Back</a></p>`)
  }))

  router.post('/connect/:upstream/disconnect', express.urlencoded({ extended: false, limit: '4kb' }), asPerson(async (request, response, signedIn, server) => {
    const { csrf } = (request.body ?? {}) as { readonly csrf?: unknown }
    if (!browsers.mayPost(signedIn, csrf)) return say(response, 403, 'Not done', 'The page was of another session. Open it again and try once more.')
    const { revoked } = await server.disconnect(who(signedIn))
    logger.info('a connection was taken back', { upstream: server.upstream, account: signedIn.account.id, revoked })
    say(response, 200, 'Disconnected', revoked ? `The gateway has given back its access to your account at ${server.upstream}.` : `The gateway has forgotten its access to your account at ${server.upstream}. The authorization server was not told: you can take the access back there too.`)
  }))
  return router
}
