import express, { Router, type Request, type Response } from 'express'
import type Provider from 'oidc-provider'
import { errors, type OidcClient, type OidcInteraction } from 'oidc-provider'
import type { Browsers, SignedIn } from '../account.ts'
import { html, sendPage, type Page } from '../page.ts'
import type { Logger } from '../model.ts'
import { createTelling, nameOf, titleOf } from './asked.ts'
import { begunIn, pageOf } from './begun.ts'
import { paths } from './provider.ts'
import { isLocal, placeOf } from './redirects.ts'
import { createRemembered, type RememberedParts } from './remembered.ts'
import type { Resource, Resources } from './resources.ts'

export interface ConsentParts extends RememberedParts {
  readonly provider: () => Provider
  readonly browsers: Browsers
  readonly resources: Resources
  readonly describeScope: (scope: string) => string
  readonly logger: Logger
}

/** What somebody is asked about. */
interface Asked {
  readonly interaction: OidcInteraction
  /** Where they are asked. */
  readonly page: string
  readonly client: OidcClient
  readonly redirect: string
  readonly resource: Resource
  readonly uri: string
  readonly scopes: readonly string[]
}

/** The page between signing in and the client: nobody's name is lent to a program without their being asked. */
export function createConsent(parts: ConsentParts): Router {
  const { browsers, clock, logger } = parts
  const remembered = createRemembered(parts)
  const router = Router({ caseSensitive: true, strict: true })
  const path = `${paths.consent}/:uid`

  const read = async (request: Request, response: Response): Promise<Asked | undefined> => {
    try {
      const interaction = await parts.provider().interactionDetails(request, response)
      const { client_id: clientId, redirect_uri: redirect, resource: named, scope } = interaction.params
      const client = typeof clientId === 'string' ? await parts.provider().Client.find(clientId) : undefined
      const uri = Array.isArray(named) ? named[0] : named
      const resource = parts.resources.find(uri)
      if (client === undefined || resource === undefined || typeof redirect !== 'string' || typeof uri !== 'string' || interaction.uid !== request.params['uid']) return undefined
      const browser = browsers.marked(request)
      if (browser === undefined || request.query['of'] !== begunIn(interaction.uid, browser)) return undefined
      const wanted = new Set(String(scope ?? '').split(' '))
      return { interaction, page: pageOf(interaction.uid, browser), client, redirect, resource, uri, scopes: resource.scopes.filter((one, index) => index === 0 || wanted.has(one)) }
    } catch (error) {
      if (error instanceof errors.SessionNotFound) return undefined
      throw error
    }
  }
  const expired = (response: Response) => sendPage(response, 400, {
    title: 'This sign-in has expired',
    body: html`<p>It was begun in another browser, too long ago, or it has been finished already.</p><p>Go back to the program that sent you here and connect again.</p>`,
  })

  /** Undefined where the person must sign in first; then they are on their way. */
  const signedIn = async (request: Request, response: Response, { interaction, page }: Asked): Promise<SignedIn | undefined> => {
    const current = await browsers.current(request)
    const wantedAfter = freshFrom(interaction)
    if (current !== undefined && current.at >= wantedAfter) return current
    const hasTried = request.query['again'] !== undefined
    if (current !== undefined && hasTried) {
      sendPage(response, 403, { title: 'You must sign in anew', body: html`<p>The program wants you to prove who you are once more, and your identity provider did not say that you did.</p>` })
      return undefined
    }
    const maxAge = wantedAfter === 0 ? {} : { maxAge: Math.max(0, Math.floor((clock() - wantedAfter) / 1000)) }
    response.redirect(303, browsers.loginPath(`${page}${current === undefined ? '' : '&again=1'}`, maxAge))
    return undefined
  }

  router.get(path, async (request, response) => {
    const asked = await read(request, response)
    if (asked === undefined) return expired(response)
    const who = await signedIn(request, response, asked)
    if (who === undefined) return
    const mustAsk = String(asked.interaction.params['prompt'] ?? '').split(' ').includes('consent')
    if (!mustAsk && (await remembered.covers(asked, who))) return finish(response, asked, await consent(asked, who))
    sendPage(response, 200, ask(asked, who))
  })

  router.post(path, express.urlencoded({ extended: false, limit: '4kb' }), async (request, response) => {
    const asked = await read(request, response)
    if (asked === undefined) return expired(response)
    const who = await signedIn(request, response, asked)
    if (who === undefined) return
    const form = (request.body ?? {}) as Readonly<Record<string, unknown>>
    if (!browsers.mayPost(who, form['csrf'])) return sendPage(response, 403, { title: 'This form is not yours', body: html`<p>It was made for another sign-in. Go back to the program that sent you here and connect again.</p>` })
    if (form['answer'] !== 'allow') return finish(response, asked, { error: 'access_denied', error_description: 'the person said no' })
    const result = await consent(asked, who)
    await remembered.remember(asked, who)
    logger.info('a client was let in', { client: asked.client.clientId, account: who.account.id, resource: asked.resource.uri, scopes: asked.scopes })
    return finish(response, asked, result)
  })

  async function consent({ client, uri, scopes, interaction }: Asked, { account, at, acr, amr }: SignedIn) {
    const { Grant } = parts.provider()
    const grant = new Grant({ accountId: account.id, clientId: client.clientId })
    const wanted = String(interaction.params['scope'] ?? '').split(' ')
    for (const scope of ['openid', 'offline_access']) if (wanted.includes(scope)) grant.addOIDCScope(scope)
    grant.addResourceScope(uri, scopes.join(' '))
    const login = { accountId: account.id, remember: false, ts: Math.floor(at / 1000), ...(acr === undefined ? {} : { acr }), ...(amr === undefined ? {} : { amr }) }
    return { login, select_account: {}, consent: { grantId: await grant.save() } }
  }

  async function finish(response: Response, { interaction }: Asked, result: object): Promise<void> {
    interaction.result = result
    await interaction.save(Math.max(1, interaction.exp - Math.floor(clock() / 1000)))
    response.redirect(303, new URL(interaction.returnTo).pathname)
  }

  const telling = createTelling(parts.describeScope)
  function ask(asked: Asked, who: SignedIn): Page {
    const { client, redirect, resource, page } = asked
    return {
      title: titleOf(client),
      leadsTo: [leadOf(redirect)],
      body: html`<p>A program that calls itself <strong>${nameOf(client)}</strong> wants to use ${telling.what(resource)} in your name.</p>
${telling.details(asked, who, html`<dt>You are sent back to</dt><dd><strong>${placeOf(redirect)}</strong></dd>`)}
${parts.isConfigured(client.clientId) ? undefined : html`<p class="dim">Nobody here has checked this program: the name is its own.</p>`}
${isLocal(redirect) ? html`<p class="bad">Go on only if you have just started this yourself, in a program on this computer. Any program on it could be asking.</p>` : undefined}
<form method="post" action="${page}"><input type="hidden" name="csrf" value="${who.csrf}">
${telling.answers}</form>
<p class="dim"><a href="${browsers.loginPath(page, { maxAge: 0 })}">Sign in as somebody else</a></p>`,
    }
  }
  return router
}

/** Milliseconds since the epoch: since when a client wants the person to have proved who they are. */
function freshFrom({ params, iat }: OidcInteraction): number {
  if (String(params['prompt'] ?? '').split(' ').some((one) => one === 'login' || one === 'select_account')) return iat * 1000
  const maxAge = Number(params['max_age'] ?? Number.NaN)
  return Number.isFinite(maxAge) ? (iat - maxAge) * 1000 : 0
}

/** Chromium holds what answers a form to the page's `form-action`, the client's address included; an IPv6 address cannot be written there. */
function leadOf(redirect: string): string {
  const url = new URL(redirect)
  return url.protocol === 'https:' || (url.protocol === 'http:' && !url.hostname.startsWith('[')) ? url.origin : url.protocol
}
