import { html, makePage, type MadePage } from '../page.ts'
import type { Persona } from './personas.ts'

const policy = 'content-security-policy'

/** The page on which somebody says who of the demo they are. */
export function personaPage(people: readonly Persona[]): MadePage {
  const { headers, text } = makePage({
    title: 'Who are you?',
    body: html`<p>This is the identity provider of the demo. Its people are invented and need no password.</p>
<form method="post" class="stack">${people.map(({ name, says, claims }) => html`<button name="persona" value="${name}">${says} (in the group ${[claims['groups']].flat().join(', ')})</button>`)}</form>`,
  })
  // Chromium would hold `form-action` against every address that the answer leads on to, up to the client's own.
  return { headers: { ...headers, [policy]: headers[policy]?.replace(/ form-action [^;]*;/, '') ?? '' }, text }
}
