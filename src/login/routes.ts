import { Router, type Request, type Response } from 'express'
import type { SignedIn } from '../account.ts'
import type { Clock, Logger } from '../model.ts'
import type { OwnAccounts } from './accounts.ts'
import type { OwnBrowsers } from './browsers.ts'
import type { Flows } from './flows.ts'
import { sendPage } from '../page.ts'
import { addLeaving } from './leaving.ts'
import { accountPage, chooserPage } from './pages.ts'
import type { SignInProvider, Want } from './provider.ts'
import { createRefuse } from './refusing.ts'
import { defaultPath, localPath } from './return-path.ts'

export interface RouteParts {
  readonly providers: ReadonlyMap<string, SignInProvider>
  readonly accounts: OwnAccounts
  readonly browsers: OwnBrowsers
  readonly flows: Flows
  readonly publicUrl: string
  readonly clock: Clock
  readonly logger: Logger
}

interface Asked {
  readonly returnTo: string
  readonly want: Want
}

/** What the address of a page says, as it came: a parameter given twice is none. */
const queryOf = (request: Request): URLSearchParams => new URL(request.originalUrl, 'https://gateway.invalid').searchParams
const one = (query: URLSearchParams, name: string): string | undefined => (query.getAll(name).length === 1 ? (query.get(name) ?? undefined) : undefined)

function readAsked(query: URLSearchParams): Asked {
  const [acr, maxAge] = [one(query, 'acr'), one(query, 'max_age')]
  return {
    returnTo: localPath(one(query, 'return') ?? defaultPath),
    want: { ...(acr !== undefined && /^[\x21-\x7e]{1,200}$/.test(acr) ? { acr } : {}), ...(maxAge !== undefined && /^\d{1,9}$/.test(maxAge) ? { maxAge: Number(maxAge) } : {}) },
  }
}

/** Whether a session is as strong as is asked for; the clock of the provider may be off. */
const satisfies = ({ acr, at }: SignedIn, want: Want, now: number): boolean =>
  (want.acr === undefined || want.acr === acr) && (want.maxAge === undefined || now - at <= want.maxAge * 1000)

/** `/login` and `/logout`: where people come in by a browser, and leave. */
export function createLoginRoutes(parts: RouteParts): Router {
  const { providers, accounts, browsers, flows, clock, logger } = parts
  const router = Router({ caseSensitive: true, strict: true })
  const refuse = createRefuse(logger)
  for (const { routes } of providers.values()) if (routes !== undefined) router.use(routes)

  const refuseUnknown = (response: Response): void => refuse(response, 404, { title: 'No such sign-in', message: 'There is no sign-in of that name here.' }, { code: 'provider_unknown' })
  const away = (response: Response): void => {
    response.set('Cache-Control', 'no-store')
  }

  router.get('/login', async (request, response) => {
    const asked = readAsked(queryOf(request))
    const session = await browsers.current(request)
    away(response)
    if (session !== undefined && satisfies(session, asked.want, clock())) {
      if (asked.returnTo !== defaultPath) return response.redirect(303, asked.returnTo)
      return sendPage(response, 200, accountPage(session, await browsers.of(session.account.id)))
    }
    const links = [...providers.values()].map(({ name, title }) => ({ title, href: browsers.loginPath(asked.returnTo, { provider: name, ...asked.want }) }))
    const [first] = links
    if (first !== undefined && links.length === 1) return response.redirect(303, first.href)
    sendPage(response, 200, chooserPage(links))
  })

  router.get('/login/:provider', async (request, response) => {
    const provider = providers.get(request.params.provider)
    if (provider === undefined) return refuseUnknown(response)
    const { returnTo, want } = readAsked(queryOf(request))
    const again = browsers.loginPath(returnTo, { provider: provider.name, ...want })
    if (!flows.mayBegin()) return refuse(response.set('Retry-After', '2'), 503, { title: 'Too many are signing in', message: 'Try again in a few seconds.', again }, { provider: provider.name, code: 'busy' })
    const id = flows.newId()
    let begun
    try {
      begun = await provider.begin(id, want)
    } catch (cause) {
      return refuse(response.set('Retry-After', '10'), 503, { title: `${provider.title} cannot be reached`, message: 'The gateway got no answer that it could use. Try again in a minute.', again }, { provider: provider.name, code: 'provider_unavailable', detail: cause instanceof Error ? `${cause.name}: ${cause.message}`.slice(0, 300) : 'unknown' })
    }
    away(response)
    response.append('Set-Cookie', await flows.begin(id, { provider: provider.name, keep: begun.keep, want, returnTo }, request)).redirect(303, begun.url)
  })

  router.get('/login/:provider/callback', async (request, response) => {
    const provider = providers.get(request.params.provider)
    if (provider === undefined) return refuseUnknown(response)
    const query = queryOf(request)
    const found = await flows.take(one(query, 'state') ?? null, provider.name, request)
    const title = 'You are not signed in'
    if (!found.ok) return refuse(response, 403, { title, message: found.message, again: browsers.loginPath(defaultPath, { provider: provider.name }) }, { provider: provider.name, code: found.code })
    const { flow } = found
    const finished = await provider.finish(query, flow.keep, flow.want)
    if (!finished.ok) {
      const { code, message, detail } = finished
      const again = browsers.loginPath(flow.returnTo, { provider: provider.name, ...flow.want })
      return refuse(response, code === 'provider_unavailable' ? 503 : 403, { title, message: `${provider.title}: ${message}.`, again }, { provider: provider.name, code, ...(detail === undefined ? {} : { detail }) })
    }
    const account = await accounts.signIn(finished.verified)
    const cookie = await browsers.open(account, finished.verified, request)
    logger.info('somebody signed in', { provider: provider.name, account: account.id, groups_known: account.actor.groups_known })
    away(response)
    response.append('Set-Cookie', cookie).redirect(303, flow.returnTo)
  })

  addLeaving(router, { ...parts, refuse })
  return router
}

