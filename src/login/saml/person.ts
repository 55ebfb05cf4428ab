import type { Person } from '../../model.ts'
import { personOf, type Naming } from '../person.ts'
import type { Said } from './assertion.ts'
import { nameIdFormats } from './names.ts'
import { overageAttribute, plain, samlPresets, type SamlPreset } from './presets.ts'
import { refused, type Refused } from './refused.ts'
import type { SamlSettings } from './settings.ts'

type Given = Pick<SamlSettings, 'preset' | 'attributes' | 'name_id'>

export const presetOf = ({ preset, attributes, name_id }: Given): SamlPreset => {
  const own: SamlPreset = preset === undefined ? plain : samlPresets[preset]
  return { title: own.title, groups: attributes.groups ?? own.groups, email: attributes.email ?? own.email, name: attributes.name ?? own.name, nameId: name_id ?? own.nameId }
}

/** Of an attribute that has one value; two that differ are no value but a question. */
const single = (said: Said, name: string): string | undefined | Refused => {
  const values = [...new Set(said.attributes.get(name) ?? [])]
  return values.length > 1 ? refused('saml_attributes', `${values.length} values of ${name}`) : values[0] === '' ? undefined : values[0]
}

const isName = (text: string): boolean => text.length <= 1024 && text.trim() === text && !/[\p{Cc}\p{Cf}]/u.test(text)

const subjectOf = (said: Said, attribute: string | undefined, wanted: SamlPreset['nameId']): string | Refused => {
  if (attribute !== undefined) {
    const given = single(said, attribute)
    if (typeof given === 'object') return given
    return given !== undefined && isName(given) ? given : refused('saml_subject', `no usable attribute ${attribute}`)
  }
  if (said.subject === undefined) return refused('saml_subject', 'no NameID; have the provider send one, or name the attribute by which people are known (attributes.subject)')
  // Another one each time: policies, approvals and records would meet a new person at every sign-in.
  if (said.subject.format === nameIdFormats.transient) return refused('saml_subject', 'a transient NameID; have the provider send a persistent one, or name the attribute by which people are known (attributes.subject)')
  // The same text may be somebody else in another form (SAML core 8.3), and the form is no part of who somebody is here.
  const isAsked = (wanted !== 'persistent' && wanted !== 'email') || said.subject.format === nameIdFormats[wanted]
  return isAsked ? said.subject.nameId : refused('saml_subject', `a NameID of the format ${said.subject.format.slice(0, 200)}, where ${wanted} was asked for; have the provider send that, or say by name_id what it sends`)
}

/** Who the assertion is about, as policies see them. */
export function readPerson(said: Said, issuer: string, settings: Given, naming: Naming): { readonly ok: true; readonly person: Person } | Refused {
  const names = presetOf(settings)
  const subject = subjectOf(said, settings.attributes.subject, names.nameId)
  if (typeof subject === 'object') return subject
  const email = single(said, names.email)
  if (typeof email === 'object') return email
  const name = single(said, names.name)
  if (typeof name === 'object') return name
  // Absent, or too many to be listed, is not "none": a rule that denies a group would let everybody through.
  const groups = said.attributes.has(overageAttribute) ? undefined : said.attributes.get(names.groups)?.filter((group) => group !== '')
  const attributes = Object.fromEntries([...said.attributes].map(([key, values]) => [key, values.length === 1 ? (values[0] ?? '') : [...values]]))
  const claims = { sub: subject, iss: issuer, ...(name === undefined ? {} : { name }), ...(said.context === undefined ? {} : { acr: said.context }), attributes }
  return { ok: true, person: personOf({ issuer, subject, groups, claims, ...(email === undefined ? {} : { email }) }, naming) }
}
