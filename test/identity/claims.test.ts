import type { JsonObject } from '../../src/model.ts'
import { readActor } from '../../src/identity/claims.ts'
import { settingsFor } from './issuer.ts'

const issuer = 'https://issuer.example'
const read = (claims: JsonObject, settings: Record<string, unknown> = {}) => readActor({ iss: issuer, sub: 'alice', ...claims }, settingsFor(issuer, settings))

describe('groups', () => {
  test('bear the name of their issuer unless they are trusted', () => {
    expect(read({ groups: ['oncall', 'build'] }, { trusted_groups: ['oncall'] })).toMatchObject({ groups: ['oncall', 'ci:build'], groups_known: true })
  })
  test('cannot take the name of another issuer', () => {
    expect(read({ groups: ['okta:admins'] })).toMatchObject({ groups: ['ci:okta:admins'] })
  })
  test('may stand deeper, or under a name with dots', () => {
    expect(read({ realm_access: { roles: ['a'] } }, { claims: { groups: 'realm_access.roles' } })).toMatchObject({ groups: ['ci:a'] })
    expect(read({ 'https://x.example/groups': ['a'] }, { claims: { groups: 'https://x.example/groups' } })).toMatchObject({ groups: ['ci:a'] })
  })
  test('are none, and known, where the claim is absent', () => {
    expect(read({})).toMatchObject({ groups: [], groups_known: true })
  })
  test.each<readonly [string, JsonObject]>([
    ['Entra names a place to ask instead', { _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: 'https://graph.example' } } }],
    ['Entra says that there are groups', { hasgroups: true }],
    ['the claim holds something else', { groups: { a: 1 } }],
    ['one of them is no text', { groups: ['a', 1] }],
  ])('are unknown where %s', (_, claims) => {
    expect(read(claims)).toMatchObject({ groups: [], groups_known: false })
  })
})

describe('the mail address', () => {
  test.each<readonly [string, JsonObject, Record<string, unknown>, string | undefined]>([
    ['counts where the issuer verified it', { email: 'a@x.example', email_verified: true }, {}, 'a@x.example'],
    ['does not where it did not', { email: 'a@x.example', email_verified: false }, {}, undefined],
    ['does not where it says nothing', { email: 'a@x.example' }, {}, undefined],
    ['does not where it says so as a text', { email: 'a@x.example', email_verified: 'true' }, {}, undefined],
    ['counts where the settings trust it', { email: 'a@x.example' }, { trust_unverified_email: true }, 'a@x.example'],
  ])('%s', (_, claims, settings, email) => {
    expect(read(claims, settings)?.email).toBe(email)
  })
})

describe('whom a token speaks for', () => {
  test('is what the settings say of its issuer', () => {
    expect(read({})?.kind).toBe('service')
    expect(read({}, { kind: 'person' })?.kind).toBe('person')
    expect(read({}, { kind: 'agent' })?.kind).toBe('agent')
  })
  test.each<readonly [string, JsonObject]>([
    ['its own client', { client_id: 'alice' }],
    ['its own authorized party', { azp: 'alice' }],
    ['an application', { idtyp: 'app' }],
  ])('is never a person where the subject is %s', (_, claims) => {
    expect(read(claims, { kind: 'person' })?.kind).toBe('service')
  })
  test('is the one who acts now, and behind it everyone it acts for', () => {
    expect(read({ email: 'a@x.example', email_verified: true, groups: ['support'], act: { sub: 'second', act: { sub: 'first', iss: 'https://other.example' } } }, { kind: 'person' })).toMatchObject({
      kind: 'agent',
      subject: 'second',
      issuer,
      groups: ['ci:support'],
      acting_for: { subject: 'first', issuer: 'https://other.example', acting_for: { subject: 'alice', issuer, email: 'a@x.example' } },
    })
  })
  test('an agent does not bear the mail address of whom it acts for', () => {
    expect(read({ email: 'a@x.example', email_verified: true, act: { sub: 'bot' } })).not.toHaveProperty('email')
  })
  test('an actor of a foreign issuer keeps the issuer of the token', () => {
    expect(read({ act: { sub: 'alice', iss: 'https://okta.example' } })).toMatchObject({ issuer, subject: 'https://okta.example#alice' })
  })
  test.each<readonly [string, JsonObject]>([
    ['an act without subject', { act: {} }],
    ['an act that is a text', { act: 'bot' }],
    ['a nested act without subject', { act: { sub: 'bot', act: { sub: 1 } } }],
    ['a subject with control signs', { sub: 'a\nb' }],
    ['a subject that is a number', { sub: 5 }],
    ['an endless chain', { act: Array.from({ length: 12 }).reduce<JsonObject>(act => ({ sub: 'x', act }), { sub: 'x' }) }],
  ])('is nobody with %s', (_, claims) => {
    expect(read(claims)).toBeUndefined()
  })
})
