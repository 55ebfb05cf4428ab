import type { SignedIn } from '../account.ts'
import { html, type Html } from '../page.ts'
import type { Resource } from './resources.ts'

export interface AskedAbout {
  readonly client: { readonly clientId: string; readonly clientName?: string | undefined }
  readonly resource: Resource
  readonly scopes: readonly string[]
}

/** What a client calls itself. What cannot be seen could turn the rest of the line around. */
export const nameOf = ({ clientName, clientId }: AskedAbout['client']): string => (clientName ?? clientId).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]/gu, '')
export const titleOf = (client: AskedAbout['client']): string => `Let ${nameOf(client).slice(0, 80)} act for you?`

/** What both pages that ask have to say: who asks for what, of whom. */
export function createTelling(describeScope: (scope: string) => string) {
  const signedInAs = ({ account: { actor } }: SignedIn): Html => html`${actor.email ?? actor.subject} <span class="dim">(${actor.provider})</span>`
  return {
    signedInAs,
    /** The server, or the gateway's own API. */
    what: ({ upstream }: Resource): Html => (upstream === undefined ? html`the <strong>gateway itself</strong>` : html`the MCP server <strong>${upstream}</strong>`),
    /** `more` stands after who is signed in. */
    details: ({ client, scopes }: AskedAbout, who: SignedIn, more: Html): Html => html`<dl><dt>Signed in as</dt><dd>${signedInAs(who)}</dd>
${more}
<dt>It may</dt><dd>${scopes.map((scope) => html`<div>${describeScope(scope)}</div><div class="dim"><code>${scope}</code></div>`)}</dd>
<dt>Client</dt><dd><code>${client.clientId}</code></dd></dl>`,
    answers: html`<div class="acts"><button name="answer" value="allow">Allow</button><button class="quiet" name="answer" value="deny">Do not allow</button></div>`,
  }
}
