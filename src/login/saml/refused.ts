/** Why nobody is signed in. `message` is for the person in front of the browser, `detail` for the log; neither repeats an assertion. */
export interface Refused {
  readonly ok: false
  readonly code: RefusalCode
  readonly message: string
  readonly detail: string
}

const again = 'Begin again from where you wanted to go.'
const tell = 'Tell whoever looks after the sign-in of your organisation, with the reference below.'

/** What can be done about it, in a sentence or two. */
const messages = {
  saml_unreadable: `What the identity provider sent is not a SAML answer that can be read. ${tell}`,
  saml_shape: `The identity provider's answer is not built as a SAML answer must be; it may have been changed on the way. ${tell}`,
  saml_algorithm: `The identity provider signs or encrypts in a way that is not safe any more. ${tell} It must sign with RSA and SHA-256 or better.`,
  saml_unsigned: `The identity provider's answer is not signed where it must be. ${tell}`,
  saml_signature: `The signature of the identity provider's answer is not good: it was changed on the way, or the provider's certificate is another one than configured. ${tell}`,
  saml_decryption: `The identity provider's answer is encrypted in a way that cannot be opened here. ${tell}`,
  saml_status: `The identity provider did not sign you in. ${again} If it happens again, ask whoever looks after it whether you may use this service.`,
  saml_issuer: `The answer comes from another identity provider than the one that was asked. ${tell}`,
  saml_unsolicited: `This sign-in was not begun here, was finished already, or took too long. ${again}`,
  saml_destination: `The identity provider's answer is meant for another address. ${tell}`,
  saml_audience: `The identity provider's answer is meant for another service. ${tell}`,
  saml_time: `The identity provider's answer is not good any more, or not yet. ${again} If it happens again, the clock of one side is wrong.`,
  saml_replayed: `This sign-in was used already. ${again}`,
  saml_subject: `The identity provider does not say lastingly who you are. ${tell}`,
  saml_attributes: `What the identity provider says about you is contradictory. ${tell}`,
  saml_too_old: `You signed in at the identity provider too long ago. Sign out there, and begin again.`,
  saml_context: `The identity provider did not check who you are in the way that is wanted here. ${again}`,
  saml_keys: `The identity provider's metadata cannot be had just now. Try again in a minute.`,
} as const

export type RefusalCode = keyof typeof messages

export const refused = (code: RefusalCode, detail: string): Refused => ({ ok: false, code, message: messages[code], detail })
