import type { Clock } from '../../model.ts'
import type { Naming } from '../person.ts'
import type { Verified, Want } from '../provider.ts'
import type { Said } from './assertion.ts'
import type { Own } from './library.ts'
import type { Idp } from './metadata.ts'
import { readPerson } from './person.ts'
import { refused, type Refused } from './refused.ts'
import { readResponse, type Received } from './response.ts'
import type { SamlSettings } from './settings.ts'
import { createTurns } from './turns.ts'

export interface ReadingParts {
  readonly settings: SamlSettings
  readonly own: Own
  readonly naming: Naming
  /** The provider by metadata that are read again for it; undefined where they say nothing new. */
  readonly renewed: () => Promise<Idp | undefined>
  readonly clock: Clock
}
export interface Reading {
  said(received: Received, idp: Idp): Promise<Said | Refused>
  /** Whether the person proved who they are longer ago than is good enough. */
  isTooOld(said: Said, want: Want): boolean
  person(said: Said, idp: Idp, want: Want): { readonly ok: true; readonly verified: Verified } | Refused
}

/** What a response says, once it is verified. */
export function createReading({ settings, own, naming, renewed, clock }: ReadingParts): Reading {
  const inTurn = createTurns()

  const read = async (received: Received, idp: Idp): Promise<Said | Refused> =>
    (await inTurn(() => readResponse(received, idp, settings, own, clock()))) ?? refused('busy', 'too many responses wait to be verified')

  const proofProblem = (said: Said, want: Want): Refused | undefined => {
    const allowed = want.acr === undefined ? settings.authn_context : [want.acr]
    return allowed === undefined || (said.context !== undefined && allowed.includes(said.context)) ? undefined : refused('saml_context', `signed in by ${said.context?.slice(0, 200)}`)
  }

  return {
    async said(received, idp) {
      const said = await read(received, idp)
      if (said.ok || said.code !== 'saml_signature') return said
      // Another certificate may have taken over since the metadata was read.
      const other = await renewed()
      return other === undefined ? said : read(received, other)
    },
    isTooOld: (said, want) => clock() - said.at > Math.min(settings.max_age, (want.maxAge ?? Number.POSITIVE_INFINITY) * 1000) + settings.skew,
    person(said, idp, want) {
      const problem = proofProblem(said, want)
      if (problem !== undefined) return problem
      const read = readPerson(said, idp.issuer, settings, naming)
      if (!read.ok) return read
      const { subject, session } = said
      const logout = subject === undefined ? undefined : { name_id: subject.nameId, format: subject.format, ...(session === undefined ? {} : { session }) }
      return { ok: true, verified: { person: read.person, at: said.at, ...(said.context === undefined ? {} : { acr: said.context }), ...(session === undefined ? {} : { session }), ...(logout === undefined ? {} : { logout }) } }
    },
  }
}
