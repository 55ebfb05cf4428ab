import { hash } from 'node:crypto'
import type { Response } from 'express'

/** Markup that `html` made: whatever else was put in is in it as text. */
export class Html {
  readonly #text: string
  private constructor(text: string) {
    this.#text = text
  }
  static of(strings: TemplateStringsArray, values: readonly Part[]): Html {
    return new Html(strings.reduce((made, piece, index) => made + textOf(values[index - 1]) + piece))
  }
  toString(): string {
    return this.#text
  }
}
export type Part = Html | string | number | undefined | readonly Part[]

const signs: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const textOf = (part: Part): string => {
  if (part === undefined) return ''
  if (part instanceof Html) return part.toString()
  if (typeof part === 'object') return part.map(textOf).join('')
  return String(part).replace(/[&<>"']/g, (sign) => signs[sign] ?? '')
}

/** Text between the pieces is escaped, also in attributes, which must be quoted. */
export const html = (strings: TemplateStringsArray, ...values: readonly Part[]): Html => Html.of(strings, values)

export interface Page {
  readonly title: string
  readonly body: Html
  /** Origins to which what the page's forms are answered with may lead: Chromium holds redirects to `form-action` too. */
  readonly leadsTo?: readonly string[]
}
export interface MadePage {
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

// Contrast of at least 4.5 to 1 in both schemes (WCAG 2.2, 1.4.3); what has the focus is outlined (2.4.7).
const style = `:root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--ink:#16191d;--dim:#4d5560;--line:#8a929c;--act:#0b57d0;--on:#fff;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--back:#121417;--card:#1d2024;--ink:#eceef1;--dim:#b4bcc6;--line:#767f8a;--act:#a8c7fa;--on:#062e6f;--bad:#f2b8b5}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto;padding:2rem 1rem}.card{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.5rem;overflow-wrap:anywhere}
h1{font-size:1.4rem;line-height:1.25;margin:0 0 1rem}h2{font-size:1.05rem;margin:1.5rem 0 .5rem}p{margin:.5rem 0}.dim{color:var(--dim);font-size:.9rem}.bad{color:var(--bad)}
.acts{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}.stack{display:grid;gap:.75rem;margin:1rem 0 0;padding:0;list-style:none}.stack button,.stack .button{width:100%}form+p{margin-top:1rem}
a{color:var(--act)}button,.button{display:inline-block;font:inherit;font-weight:600;text-align:center;text-decoration:none;min-height:2.75rem;padding:.55rem 1.1rem;border:1px solid var(--act);border-radius:.5rem;background:var(--act);color:var(--on);cursor:pointer}
button.quiet,.button.quiet{background:transparent;color:var(--act)}input{font:inherit;width:100%;min-height:2.75rem;padding:.5rem;border:1px solid var(--line);border-radius:.5rem;background:var(--card);color:var(--ink)}
:focus-visible{outline:3px solid var(--act);outline-offset:2px}dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin:1rem 0}dt{color:var(--dim)}dd{margin:0}code{font-family:ui-monospace,monospace;font-size:.95em}
@media(max-width:30rem){main{padding:1rem .75rem}.card{padding:1.25rem}dl{display:block}dd{margin-bottom:.75rem}}`
const styleHash = hash('sha256', style, 'base64')

/** A page that works without scripts; it takes nothing from elsewhere, and nobody can frame it. */
export function makePage({ title, body, leadsTo = [] }: Page): MadePage {
  const document = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title} · Sallyport</title><style>`
  return {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action ${["'self'", ...leadsTo].join(' ')}; base-uri 'none'; frame-ancestors 'none'`,
      // With `no-referrer` a browser would send its own forms with the origin `null`.
      'referrer-policy': 'same-origin',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
    },
    text: `${document}${style}${html`</style></head><body><main><div class="card"><h1>${title}</h1>${body}</div></main></body></html>`}\n`,
  }
}

export const sendPage = (response: Response, status: number, page: Page): void => {
  const { headers, text } = makePage(page)
  response.status(status).set(headers).send(text)
}
