export interface Persona {
  /** The word for the command line. */
  readonly name: 'support' | 'reviewer' | 'auditor' | 'ci'
  readonly says: string
  readonly issuer: 'people' | 'ci'
  readonly subject: string
  readonly claims: Readonly<Record<string, string | boolean | readonly string[]>>
}

/** The grant by which the demo's identity provider gives tokens of people, and the client that may use it. */
export const personaGrant = 'urn:sallyport:demo:persona'
export const peopleClient = 'sallyport-demo'
/** The gateway, where it signs people in. */
export const gatewayClient = 'sallyport'

const person = (name: string) => ({ name, email: `${name.toLowerCase()}@example.com`, email_verified: true })

export const personas: readonly Persona[] = [
  { name: 'support', says: 'Sam, who works in support', issuer: 'people', subject: 'sam', claims: { ...person('Sam'), groups: ['support'] } },
  { name: 'reviewer', says: 'Riley, the reviewer on call', issuer: 'people', subject: 'riley', claims: { ...person('Riley'), groups: ['oncall'] } },
  { name: 'auditor', says: 'Ada, who audits', issuer: 'people', subject: 'ada', claims: { ...person('Ada'), groups: ['audit'] } },
  { name: 'ci', says: 'a CI job', issuer: 'ci', subject: 'nightly-report', claims: { groups: ['ci'] } },
]

/** The groups that the people and jobs of an issuer can have. */
export const groupsOf = (issuer: Persona['issuer']): readonly string[] =>
  personas.filter((persona) => persona.issuer === issuer).flatMap(({ claims }) => (Array.isArray(claims['groups']) ? claims['groups'] : []))
