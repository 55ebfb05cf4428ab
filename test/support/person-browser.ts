/** A person's browser without a screen: it keeps cookies by host, follows redirects and sends forms. */
export interface Visit {
  readonly url: string
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Where it was sent on the way, the first address first. */
  readonly way: readonly string[]
}
export interface PersonBrowser {
  visit(url: string, options?: { readonly follow?: boolean | ((next: URL) => boolean); readonly headers?: Readonly<Record<string, string>> }): Promise<Visit>
  /** Sends the form of a page that holds the given text in its markup, or the first. */
  submit(page: Visit, fields?: Readonly<Record<string, string>>, about?: string, follow?: boolean | ((next: URL) => boolean)): Promise<Visit>
  cookies(host: string): ReadonlyMap<string, string>
  setCookie(host: string, name: string, value: string): void
}

const unescape = (text: string): string => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
const attribute = (tag: string, name: string): string | undefined => {
  const found = new RegExp(`\\s${name}=(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, 'i').exec(tag)
  return found === null ? undefined : unescape(found[1] ?? found[2] ?? found[3] ?? '')
}

/** Ports are not kept apart, as browsers do not either; paths are. `always` are headers that every request carries; `ask` chooses connections. */
export function createPersonBrowser(always: Readonly<Record<string, string>> = {}, ask: typeof fetch = fetch): PersonBrowser {
  const jar = new Map<string, Map<string, { value: string; path: string }>>()
  const of = (host: string) => jar.get(host) ?? jar.set(host, new Map()).get(host) ?? new Map<string, { value: string; path: string }>()

  function keep(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...rest] = line.split(';').map((part) => part.trim())
      const at = pair.indexOf('=')
      const name = pair.slice(0, at)
      const value = pair.slice(at + 1)
      const given = Object.fromEntries(rest.map((part) => part.split('=') as [string, string | undefined]).map(([key, own]) => [key.toLowerCase(), own]))
      const path = given['path'] ?? '/'
      const isGone = value === '' || given['max-age'] === '0' || (given['expires'] !== undefined && Date.parse(given['expires']) <= Date.now())
      if (isGone) of(url.hostname).delete(`${name} ${path}`)
      else of(url.hostname).set(`${name} ${path}`, { value, path })
    }
  }
  const cookieHeader = (url: URL): string => [...of(url.hostname)].filter(([, { path }]) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`)).map(([key, { value }]) => `${key.split(' ')[0]}=${value}`).join('; ')

  async function go(start: string, init: { method?: string; body?: string; headers?: Readonly<Record<string, string>> }, follow: boolean | ((next: URL) => boolean) = true): Promise<Visit> {
    let url = new URL(start)
    let { method = 'GET', body } = init
    const way: string[] = []
    for (let hops = 0; hops < 20; hops += 1) {
      way.push(url.href)
      const cookies = cookieHeader(url)
      const response = await ask(url, {
        method, redirect: 'manual',
        headers: { accept: 'text/html', ...(cookies === '' ? {} : { cookie: cookies }), ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded', origin: url.origin }), ...always, ...init.headers },
        ...(body === undefined ? {} : { body }),
      })
      keep(url, response.headers)
      const location = response.headers.get('location')
      const next = location === null ? undefined : new URL(location, url)
      const text = await response.text()
      if (next === undefined || response.status < 300 || response.status > 399 || follow === false || (typeof follow === 'function' && !follow(next))) return { url: url.href, status: response.status, headers: response.headers, text, way }
      if (response.status !== 307 && response.status !== 308) [method, body] = ['GET', undefined]
      url = next
    }
    throw new Error(`sent on too often: ${way.join(' → ')}`)
  }

  return {
    visit: (url, { follow, headers } = {}) => go(url, headers === undefined ? {} : { headers }, follow),
    submit(page, fields = {}, about = '', follow = true) {
      const form = [...page.text.matchAll(/<form\b[^>]*>[\s\S]*?<\/form>/gi)].map(([text]) => text).find((text) => text.includes(about))
      if (form === undefined) throw new Error(`no form at ${page.url}: ${page.status} ${page.text.slice(0, 500)}`)
      const inputs = [...form.matchAll(/<(?:input|button)\b[^>]*>/gi)].map(([tag]) => tag)
      const given = inputs.flatMap((tag) => {
        const name = attribute(tag, 'name')
        const type = attribute(tag, 'type')?.toLowerCase()
        return name === undefined || type === 'submit' || tag.startsWith('<button') ? [] : [[name, attribute(tag, 'value') ?? ''] as const]
      })
      const opening = /<form\b[^>]*>/i.exec(form)?.[0] ?? ''
      const action = new URL(attribute(opening, 'action') ?? page.url, page.url)
      return go(action.href, { method: (attribute(opening, 'method') ?? 'get').toUpperCase(), body: new URLSearchParams({ ...Object.fromEntries(given), ...fields }).toString() }, follow)
    },
    cookies: (host) => new Map([...of(host)].map(([key, { value }]) => [key.split(' ')[0] ?? '', value])),
    setCookie: (host, name, value) => void of(host).set(`${name} /`, { value, path: '/' }),
  }
}
