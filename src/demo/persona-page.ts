import type { Persona } from './personas.ts'

/** The page on which somebody says who of the demo they are. What stands on it was written here. */
export const personaPage = (people: readonly Persona[]): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Who are you? · Sallyport demo</title>
<style>:root{color-scheme:light dark}body{margin:0;font:1rem/1.5 system-ui,sans-serif}main{max-width:34rem;margin:0 auto;padding:2rem 1rem}button{display:block;width:100%;margin:.75rem 0;padding:.75rem 1rem;font:inherit;text-align:left;cursor:pointer}:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}</style></head>
<body><main><h1>Who are you?</h1><p>This is the identity provider of the demo. Its people are invented and need no password.</p><form method="post">
${people.map(({ name, says, claims }) => `<button name="persona" value="${name}">${says}<br><small>in the group ${[claims['groups']].flat().join(', ')}</small></button>`).join('\n')}
</form></main></body></html>
`

export const personaHeaders = {
  'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'x-frame-options': 'DENY', 'referrer-policy': 'same-origin',
  // No `form-action`: Chromium would hold it against every address that the answer leads on to, up to the client's own.
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
} as const
