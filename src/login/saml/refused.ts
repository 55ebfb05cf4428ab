/** Why nobody is signed in. `message` is for the person in front of the browser and follows the provider's name; `detail` is for the log. Neither repeats an assertion. */
export interface Refused {
  readonly ok: false
  readonly code: RefusalCode
  readonly message: string
  readonly detail: string
}

const again = 'Sign in again'
const tell = 'Tell whoever runs the gateway'

/** What happened, and what can be done about it. */
const messages = {
  saml_unreadable: `what it sent is not a SAML message that can be read, and was not accepted. ${tell}`,
  saml_shape: `its answer is not built as a SAML answer must be; it may have been changed on the way, and was not accepted. ${tell}`,
  saml_algorithm: `it signs or encrypts in a way that is not safe, and its answer was not accepted. ${tell}: it must sign with RSA and SHA-256 or SHA-512`,
  saml_unsigned: `its answer is not signed where it must be, and was not accepted. ${tell}`,
  saml_signature: `its answer was not signed with the certificate that it is known by, or was changed on the way, and was not accepted. ${tell}`,
  saml_decryption: `its answer is encrypted so that it cannot be opened here. ${tell}`,
  saml_status: `it did not sign you in. ${again}; if it goes on like this, ask there whether you may use this service`,
  saml_issuer: `the answer is another provider's, and was not accepted. ${tell}`,
  saml_unsolicited: `this sign-in was not begun here, or took longer than ten minutes. ${again}`,
  saml_destination: `its answer is meant for another address, and was not accepted. ${tell}`,
  saml_audience: `its answer is meant for another service, and was not accepted. ${tell}`,
  saml_time: `its answer is not good any more, or not yet. ${again}; if it goes on like this, the clock of one side is wrong`,
  saml_replayed: `its answer was used before. ${again}`,
  saml_subject: `it does not say who you are in a way that lasts. ${tell}`,
  saml_attributes: `what it says about you contradicts itself. ${tell}`,
  saml_too_old: 'it signed you in too long ago, and did not ask you again. Sign out there, and then sign in again',
  saml_context: 'it did not check who you are as strongly as is required here. Sign in again with a second factor',
  busy: 'too many are signing in. Sign in again in a few seconds',
  provider_unavailable: 'its metadata cannot be had at the moment. Try again in a minute',
} as const

export type RefusalCode = keyof typeof messages

export const refused = (code: RefusalCode, detail: string): Refused => ({ ok: false, code, message: messages[code], detail })
