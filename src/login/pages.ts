import type { BrowserSession } from './browsers.ts'
import { html, type Page } from '../page.ts'

interface Link {
  readonly title: string
  readonly href: string
}

export const chooserPage = (links: readonly Link[]): Page => ({
  title: 'Sign in',
  body: html`<p>Choose where you have your account.</p><ul class="stack">${links.map(({ title, href }) => html`<li><a class="button" href="${href}">Continue with ${title}</a></li>`)}</ul>`,
})

export const refusedPage = ({ title, message, reference, again }: { readonly title: string; readonly message: string; readonly reference: string; readonly again?: string }): Page => ({
  title,
  body: html`<p role="alert">${message}</p><p class="dim">If it goes on like this, tell whoever runs the gateway this reference: <code>${reference}</code></p>${again === undefined ? undefined : html`<p class="acts"><a class="button" href="${again}">Try again</a></p>`}`,
})

const shortTime = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
const nameOf = ({ account: { actor } }: BrowserSession): string => {
  const name = actor.claims['name']
  return actor.email ?? (typeof name === 'string' && name !== '' ? name : actor.subject)
}

export const accountPage = (session: BrowserSession, all: readonly { readonly since: number; readonly seen: number }[]): Page => {
  const { actor } = session.account
  return {
    title: 'You are signed in',
    body: html`<dl><dt>Who</dt><dd>${nameOf(session)}</dd><dt>By</dt><dd>${actor.provider}</dd><dt>Groups</dt><dd>${actor.groups_known ? (actor.groups.length === 0 ? 'none' : actor.groups.join(', ')) : 'not known: the provider does not list them'}</dd></dl>
<h2>Your browsers</h2><ul>${all.map(({ since, seen }) => html`<li>signed in ${shortTime(since)}, last used ${shortTime(seen)}</li>`)}</ul>
<p class="acts"><a class="button quiet" href="/logout">Sign out</a></p>`,
  }
}

export const leavePage = (session: BrowserSession, there: { readonly title: string; readonly origin: string } | undefined): Page => {
  const button = (where: string, says: string, look = '') => html`<form method="post" action="/logout"><input type="hidden" name="csrf" value="${session.csrf}"><input type="hidden" name="where" value="${where}"><button class="${look}">${says}</button></form>`
  return {
    title: 'Sign out',
    body: html`<p>You are signed in as ${nameOf(session)}.</p><div class="stack">${button('here', 'Sign out of this browser')}${there === undefined ? undefined : button('provider', `Sign out here and at ${there.title}`, 'quiet')}${button('everywhere', 'Sign out everywhere, and disconnect every program', 'quiet')}</div>`,
    ...(there === undefined ? {} : { leadsTo: [there.origin] }),
  }
}

export const leftPage = (): Page => ({ title: 'You are signed out', body: html`<p>Programs that you connected go on until you sign out everywhere.</p><p class="acts"><a class="button quiet" href="/login">Sign in again</a></p>` })
