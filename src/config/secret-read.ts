export type SecretRead =
  | { readonly ok: true; readonly value: string; readonly exposed: boolean }
  | { readonly ok: false; readonly found: string; readonly expected: string }

export const refused = (found: string, expected: string): SecretRead => ({ ok: false, found, expected })

/** The end of its line is not part of a secret. */
export const accepted = (text: string, exposed = false): SecretRead => {
  const value = text.replace(/\r?\n$/, '')
  return value === '' ? refused('nothing in it', 'a secret') : { ok: true, value, exposed }
}

/** RFC 9110 section 5.5: anything else in a header would be another header. */
export const fitsHeader = (value: string): boolean => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)
