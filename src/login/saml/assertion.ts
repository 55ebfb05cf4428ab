import { bearer, nameIdFormats, ns } from './names.ts'
import { refused, type Refused } from './refused.ts'
import { childrenOf, onlyChild, uriOf, type XmlElement } from './xml.ts'

/** What an assertion must be about to be good here and now. */
export interface Expected {
  /** The entity id of the identity provider. */
  readonly issuer: string
  /** The gateway's own entity id. */
  readonly audience: string
  /** The address that the browser posted to. */
  readonly recipient: string
  /** The id of the request that is answered. */
  readonly request: string
  readonly now: number
  readonly skew: number
}
export interface Subject {
  readonly nameId: string
  readonly format: string
}
/** What a good assertion says. */
export interface Said {
  readonly ok: true
  readonly id: string
  readonly subject: Subject | undefined
  readonly attributes: ReadonlyMap<string, readonly string[]>
  /** When the person proved who they are. */
  readonly at: number
  readonly context?: string
  readonly session?: string
  /** From then on the assertion is good for nobody. */
  readonly until: number
}

type Check = (assertion: XmlElement, expected: Expected) => Refused | undefined

/** SAML core 1.3.3: UTC, with a Z; undefined for anything else. */
export const instantOf = (text: string | undefined): number | undefined => {
  const value = text !== undefined && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(value) ? undefined : value
}

const windowProblem = (what: string, element: XmlElement, { now, skew }: Expected): Refused | undefined => {
  const [from, until] = [element.attributes.get('NotBefore'), element.attributes.get('NotOnOrAfter')]
  const [fromAt, untilAt] = [instantOf(from), instantOf(until)]
  if (untilAt === undefined || (from !== undefined && fromAt === undefined)) return refused('saml_time', `${what} without an end, or with a time that is none`)
  if (fromAt !== undefined && now + skew < fromAt) return refused('saml_time', `${what} is good only in ${fromAt - now} ms`)
  return now - skew >= untilAt ? refused('saml_time', `${what} ended ${now - untilAt} ms ago`) : undefined
}

const issuerProblem: Check = (assertion, { issuer, now, skew }) => {
  const given = onlyChild(assertion, ns.assertion, 'Issuer')
  if (given === undefined || uriOf(given) !== issuer) return refused('saml_issuer', `issued by ${JSON.stringify(uriOf(given)?.slice(0, 200))}`)
  const issued = instantOf(assertion.attributes.get('IssueInstant'))
  return issued === undefined || issued > now + skew ? refused('saml_time', 'an assertion of the future, or of no time') : undefined
}

/** SAML core 2.5.1: every condition counts, and one that is not understood makes the whole assertion unusable. */
const conditionsProblem: Check = (assertion, expected) => {
  const conditions = onlyChild(assertion, ns.assertion, 'Conditions')
  if (conditions === undefined) return refused('saml_shape', 'an assertion without conditions')
  const outside = windowProblem('the assertion', conditions, expected)
  if (outside !== undefined) return outside
  const known = ['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction']
  if (conditions.children.some(({ namespace, name }) => namespace !== ns.assertion || !known.includes(name))) return refused('saml_shape', 'a condition that is not known')
  const restrictions = childrenOf(conditions, ns.assertion, 'AudienceRestriction')
  const forUs = restrictions.length > 0 && restrictions.every((one) => childrenOf(one, ns.assertion, 'Audience').some((audience) => uriOf(audience) === expected.audience))
  if (forUs) return undefined
  const named = restrictions.flatMap((one) => childrenOf(one, ns.assertion, 'Audience').map(uriOf))
  return refused('saml_audience', `for ${JSON.stringify(named).slice(0, 300)}, not for ${expected.audience}`)
}

/** SAML profiles 4.1.4.3: one confirmation must be for the bearer, here, now, and in answer to the request. */
const confirmationProblem: Check = (assertion, expected) => {
  const subject = onlyChild(assertion, ns.assertion, 'Subject')
  const bearers = subject === undefined ? [] : childrenOf(subject, ns.assertion, 'SubjectConfirmation').filter((one) => one.attributes.get('Method') === bearer)
  let problem = refused('saml_shape', 'an assertion that is not for its bearer')
  for (const confirmation of bearers) {
    const data = onlyChild(confirmation, ns.assertion, 'SubjectConfirmationData')
    if (data === undefined) continue
    const recipient = data.attributes.get('Recipient')
    const answers = data.attributes.get('InResponseTo')
    const outside = windowProblem('the confirmation of the subject', data, expected)
    if (recipient !== expected.recipient) problem = refused('saml_destination', `delivered to ${JSON.stringify(recipient?.slice(0, 200))}, which is not ${expected.recipient}`)
    else if (answers !== expected.request) problem = refused('saml_unsolicited', 'the assertion does not answer the request')
    else if (outside !== undefined) problem = outside
    else return undefined
  }
  return problem
}

function readSubject(assertion: XmlElement, { issuer, audience }: Expected): Subject | undefined | Refused {
  const subject = onlyChild(assertion, ns.assertion, 'Subject')
  const given = subject?.children.filter(({ name }) => name !== 'SubjectConfirmation') ?? []
  const [nameId, ...more] = given
  if (nameId === undefined) return undefined
  if (more.length > 0 || nameId.name !== 'NameID' || nameId.namespace !== ns.assertion || nameId.children.length > 0) return refused('saml_subject', 'a subject with other parts than one NameID')
  const text = nameId.text
  // White space around a name, or a character that nobody sees, would make two people of one, or one of two.
  if (text === '' || text.length > 1024 || text.trim() !== text || /[\p{Cc}\p{Cf}]/u.test(text)) return refused('saml_subject', 'a NameID that is empty, too long, or has characters that cannot be seen')
  const [by, to] = [nameId.attributes.get('NameQualifier'), nameId.attributes.get('SPNameQualifier')]
  if ((by !== undefined && by !== issuer) || (to !== undefined && to !== audience)) return refused('saml_subject', 'a NameID in the name space of another provider or service')
  return { nameId: text, format: nameId.attributes.get('Format') ?? nameIdFormats.unspecified }
}

const readAttributes = (assertion: XmlElement): Said['attributes'] => {
  const found = new Map<string, string[]>()
  for (const statement of childrenOf(assertion, ns.assertion, 'AttributeStatement')) {
    for (const attribute of childrenOf(statement, ns.assertion, 'Attribute')) {
      const name = attribute.attributes.get('Name')
      if (name === undefined || name === '') continue
      const values = childrenOf(attribute, ns.assertion, 'AttributeValue').filter((value) => value.children.length === 0).map((value) => value.text)
      found.set(name, [...(found.get(name) ?? []), ...values])
    }
  }
  return found
}

/** `assertion` is read from what was signed, and from nothing else. */
export function readAssertion(assertion: XmlElement, expected: Expected): Said | Refused {
  const problem = issuerProblem(assertion, expected) ?? conditionsProblem(assertion, expected) ?? confirmationProblem(assertion, expected)
  if (problem !== undefined) return problem
  const subject = readSubject(assertion, expected)
  if (subject !== undefined && 'ok' in subject) return subject
  const { now, skew } = expected
  const statement = onlyChild(assertion, ns.assertion, 'AuthnStatement')
  const at = instantOf(statement?.attributes.get('AuthnInstant'))
  if (statement === undefined || at === undefined || at > now + skew) return refused('saml_shape', 'an assertion that does not say, once, when the person signed in')
  const ends = statement.attributes.get('SessionNotOnOrAfter')
  const endsAt = instantOf(ends)
  if (ends !== undefined && (endsAt === undefined || now - skew >= endsAt)) return refused('saml_time', 'the session at the identity provider is over')
  const context = onlyChild(statement, ns.assertion, 'AuthnContext')
  const reference = context === undefined ? undefined : uriOf(onlyChild(context, ns.assertion, 'AuthnContextClassRef'))
  const session = statement.attributes.get('SessionIndex')
  return {
    ok: true, id: assertion.attributes.get('ID') ?? '', subject, attributes: readAttributes(assertion), at,
    until: (instantOf(onlyChild(assertion, ns.assertion, 'Conditions')?.attributes.get('NotOnOrAfter')) ?? now) + skew,
    ...(reference === undefined || reference === '' ? {} : { context: reference }),
    ...(session === undefined || session === '' ? {} : { session }),
  }
}
