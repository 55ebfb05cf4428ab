import express, { type Router } from 'express'
import { sendPage } from '../page.ts'
import type { OwnAccounts } from './accounts.ts'
import type { BrowserSession, OwnBrowsers } from './browsers.ts'
import { leavePage, leftPage } from './pages.ts'
import type { SignInProvider } from './provider.ts'
import type { Refuse } from './refusing.ts'

export interface LeavingParts {
  readonly providers: ReadonlyMap<string, SignInProvider>
  readonly accounts: OwnAccounts
  readonly browsers: OwnBrowsers
  readonly publicUrl: string
  readonly refuse: Refuse
}

/** `/logout`: here, everywhere, or at the provider too. */
export function addLeaving(router: Router, { providers, accounts, browsers, publicUrl, refuse }: LeavingParts): void {
  const logoutUrlOf = async ({ provider, logout }: BrowserSession): Promise<string | undefined> =>
    logout === undefined ? undefined : providers.get(provider)?.logoutUrl?.(logout, `${publicUrl}/logout/done`).catch(() => undefined)

  router.get('/logout', async (request, response) => {
    const session = await browsers.current(request)
    if (session === undefined) return sendPage(response, 200, leftPage())
    const there = await logoutUrlOf(session)
    sendPage(response, 200, leavePage(session, there === undefined ? undefined : { title: providers.get(session.provider)?.title ?? session.provider, origin: new URL(there).origin }))
  })
  router.get('/logout/done', (_request, response) => sendPage(response, 200, leftPage()))
  router.post('/logout', express.urlencoded({ extended: false, limit: '8kb' }), async (request, response) => {
    const session = await browsers.current(request)
    if (session === undefined) return sendPage(response, 200, leftPage())
    const { csrf, where } = (request.body ?? {}) as { readonly csrf?: unknown; readonly where?: unknown }
    if (!browsers.mayPost(session, csrf)) return refuse(response, 403, { title: 'Nothing was done', message: 'This form is not of your session any more. Open the page again.', again: '/logout' }, { code: 'csrf' })
    const there = where === 'provider' ? await logoutUrlOf(session) : undefined
    response.append('Set-Cookie', await browsers.end(request))
    if (where === 'everywhere') await accounts.end(session.account.id, 'the person signed out everywhere')
    response.set('Cache-Control', 'no-store')
    if (there === undefined) sendPage(response, 200, leftPage())
    else response.redirect(303, there)
  })
}
