import { randomBytes } from 'node:crypto'
import { createBounded, type Kept } from '../../kept.ts'
import type { Clock, Fetch, JsonObject, Logger } from '../../model.ts'
import type { Naming } from '../person.ts'
import type { EndAccounts, Finished, SignInProvider, Verified, Want } from '../provider.ts'
import { createIdpSource } from './idp.ts'
import { logoutRequestUrl, newId, requestUrl, type Own } from './library.ts'
import type { Idp } from './metadata.ts'
import { presetOf } from './person.ts'
import { createReading } from './reading.ts'
import { refused, type Refused } from './refused.ts'
import { receive } from './response.ts'
import { createSamlRoutes } from './routes.ts'
import type { SamlSettings } from './settings.ts'
import type { OwnCertificates } from './sp-metadata.ts'

export interface SamlParts {
  readonly settings: SamlSettings
  readonly keys: { readonly sign?: string; readonly decryption?: string }
  readonly certificates: OwnCertificates
  readonly naming: Naming
  readonly publicUrl: string
  readonly kept: Kept
  readonly fetch: Fetch
  readonly end: EndAccounts
  readonly clock: Clock
  readonly logger: Logger
}

/** A request that was made, under its id. Of a flow that asked a second time, `first` is the id that its browser knows. */
interface Request {
  readonly provider: string
  readonly flow: string
  readonly first: string
  readonly forced: boolean
  readonly want: Want
}
/** Where the browser goes from the address that the provider posts to. */
export type Consumed = { readonly ok: true; readonly url: string } | Refused

const requestsFor = 10 * 60_000
/** As many as there are sign-ins under way. */
const mostRequests = 20_000
const answersFor = 2 * 60_000
const logoutsFor = 10 * 60_000

/** A sign-in provider that speaks SAML 2.0. */
export function createSamlProvider(parts: SamlParts): SignInProvider {
  const { settings, keys, naming, publicUrl, kept, fetch, clock, logger } = parts
  const { name } = settings
  const base = `${publicUrl}/saml/${name}`
  const own: Own = {
    entityId: settings.entity_id ?? `${base}/metadata`, acs: `${base}/acs`, slo: `${base}/slo`,
    ...(keys.sign === undefined ? {} : { signKey: keys.sign }), ...(keys.decryption === undefined ? {} : { decryptionKey: keys.decryption }),
  }
  const source = createIdpSource(settings, { fetch, clock, logger })
  const preset = presetOf(settings)
  const requests = createBounded(kept, { kind: 'saml:request', most: mostRequests, clock })

  /** Of itself the gateway vouches for its services: nobody else may be that. */
  const idpNow = async (): Promise<Idp | undefined> => {
    const idp = await source.current()
    return idp === undefined || idp.issuer === publicUrl ? undefined : idp
  }
  const reading = createReading({ settings, own, naming, clock, renewed: async () => ((await source.renewed()) ? idpNow() : undefined) })

  async function ask(idp: Idp, request: Omit<Request, 'provider' | 'first'> & { readonly first?: string }): Promise<{ readonly url: string; readonly first: string }> {
    const id = newId()
    const first = request.first ?? id
    const { want, flow, forced } = request
    await requests.put(id, { provider: name, flow, first, forced, want: { ...want } }, { expiresAt: clock() + requestsFor })
    const contexts = want.acr === undefined ? (settings.authn_context ?? []) : [want.acr]
    return { first, url: await requestUrl(own, idp, settings, { id, relay: flow, force: forced, contexts }) }
  }

  /** The posted response, to where the browser that began finds what came of it. */
  async function consume(encoded: unknown): Promise<Consumed> {
    const received = receive(encoded)
    if (!received.ok) return received
    const row = received.request.length > 256 ? undefined : await kept.get('saml:request', received.request)
    const request = row?.value as unknown as Request | undefined // written by `ask`
    if (request === undefined || request.provider !== name) return refused('saml_unsolicited', 'a response to a request that was not made here, or too long ago')
    const idp = await idpNow()
    if (idp === undefined) return refused('provider_unavailable', 'no usable metadata')
    // Each once, whichever process it comes to: the request, before anything is verified, and the assertion under the name that its provider gave it.
    if (!(await kept.take('saml:request', received.request))) return refused('saml_replayed', 'the request was answered before')
    const said = await reading.said(received, idp)
    if (!said.ok) return said
    if (!(await kept.add('saml:assertion', JSON.stringify([idp.issuer, said.id]), {}, { expiresAt: said.until }))) return refused('saml_replayed', 'the assertion was used before')
    if (reading.isTooOld(said, request.want)) {
      return request.forced ? refused('saml_too_old', `signed in ${clock() - said.at} ms ago`) : { ok: true, url: (await ask(idp, { ...request, forced: true })).url }
    }
    const verified = reading.person(said, idp, request.want)
    if (!verified.ok) return verified
    const handle = randomBytes(32).toString('base64url')
    await kept.put('saml:answer', handle, { provider: name, request: request.first, verified: JSON.parse(JSON.stringify(verified.verified)) as JsonObject }, { expiresAt: clock() + answersFor })
    // The flow's own name, and not what came as RelayState: nobody signed that.
    return { ok: true, url: `${publicUrl}/login/${name}/callback?${new URLSearchParams({ state: request.flow, answer: handle })}` }
  }

  async function finish(query: URLSearchParams, keep: JsonObject): Promise<Finished> {
    const handle = query.get('answer') ?? ''
    const row = handle.length > 64 ? undefined : await kept.get('saml:answer', handle)
    // In this browser the request was made that was answered, or it is somebody else who is to be signed in here.
    if (row === undefined || row.value['provider'] !== name || row.value['request'] !== keep['request']) return refused('saml_unsolicited', 'an answer to a request of another sign-in')
    if (!(await kept.take('saml:answer', handle))) return refused('saml_replayed', 'the answer was brought before')
    return { ok: true, verified: row.value['verified'] as unknown as Verified } // written by `consume`
  }

  return {
    name,
    title: settings.title ?? (preset.title === '' ? name : preset.title),
    async begin(flow, want) {
      const idp = await idpNow()
      if (idp === undefined) throw new Error('no usable metadata of the identity provider')
      const { url, first } = await ask(idp, { flow, want, forced: want.maxAge !== undefined })
      return { url, keep: { request: first } }
    },
    finish: (query, keep) => finish(query, keep),
    async logoutUrl(logout, returnTo) {
      const idp = await idpNow()
      const { name_id: nameId, format, session } = logout
      if (idp?.logout === undefined || own.signKey === undefined || typeof nameId !== 'string' || typeof format !== 'string') return undefined
      const id = newId()
      await kept.put('saml:logout', id, { provider: name, returnTo }, { expiresAt: clock() + logoutsFor })
      return logoutRequestUrl(own, idp, settings, { id, nameId, format, ...(typeof session === 'string' ? { session } : {}) })
    },
    routes: createSamlRoutes({ ...parts, own, idp: idpNow, consume, title: settings.title ?? (preset.title === '' ? name : preset.title) }),
  }
}
