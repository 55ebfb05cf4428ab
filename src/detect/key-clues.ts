// Keys, tokens and the files they stand in are told by some of their letters. To look for those in every text is dear, and every one of
// them stands in, or is, a long piece without a space or quote, of which most texts have few.

export const markPattern = /[-_.](?<=(?:gh[pousr]|pat|[sr]k|whsec)_|(?:sk|xox[a-z]|xapp|GOCSPX|--|PuTTY|SECRET)-|hooks\.|ya29\.|AQ\.)/i
export const wordPattern = /AKIA|ASIA|A3T|ABIA|ACCA|AIza|eyJ|ew[ok0]|eyA|secret/i
/** Tells an AWS secret, which has forty characters, from outside it. */
const outside = /secret/i
const longSecret = 40
/** `xoxb-` and ten more: all else that is found by a mark or word, but for armour, is longer. */
export const shortestKey = 15

export const noKeys = 0
/** What tells a key or a private key by a mark in it. */
export const someMark = 1
/** What tells a key or a token by its letters. */
export const someWord = 2

/** What any of them is made of. */
const letter = 2
const pieceKinds = new Uint8Array(256)
for (const character of '0123456789-_./+=') pieceKinds[character.charCodeAt(0)] = 1
for (const character of 'abcdefghijklmnopqrstuvwxyz') for (const one of [character, character.toUpperCase()]) pieceKinds[one.charCodeAt(0)] = letter

/** So many pieces are looked at one by one; with more of them the whole text is. */
const mostPieces = 8

/**
 * Whether a mark or word stands where it may tell something; armour is not looked for. `bytes` are those of the text. A piece is looked for
 * from where its end would be at the earliest, backwards: mostly some other character is near.
 */
export function keysIn(bytes: Uint8Array, text: string): number {
  let keys = noKeys
  let pieces = 0
  let isLong = false
  let seen = -1
  let kinds = 0
  for (let at = shortestKey - 1; at < text.length; ) {
    let back = at
    let some = 0
    for (let kind = 0; back > seen && (kind = pieceKinds[bytes[back]!]!) !== 0; back--) some |= kind // in range
    if (back > seen) {
      kinds = some
      seen = at
      at = back + shortestKey
      continue
    }
    kinds |= some
    const start = at - shortestKey + 1
    let end = at + 1
    for (let kind = 0; (kind = pieceKinds[bytes[end]!]!) !== 0; end++) kinds |= kind // a zero stands behind the text
    isLong ||= end - start >= longSecret
    if (kinds >= letter) {
      if (++pieces > mostPieces) return keysOf(text)
      keys |= keysOf(text.slice(start, end))
    }
    seen = end
    at = end + shortestKey
    kinds = 0
  }
  return isLong && keys < someWord && outside.test(text) ? keys | someWord : keys
}

/** … in a short text. */
export function keysInShort(text: string): number {
  let seen = -1
  for (let at = shortestKey - 1; at < text.length; ) {
    let back = at
    while (back > seen && isOfPiece(text.charCodeAt(back))) back--
    if (back === seen) return keysOf(text)
    seen = at
    at = back + shortestKey
  }
  return noKeys
}

const keysOf = (text: string): number => (markPattern.test(text) ? someMark : 0) | (wordPattern.test(text) ? someWord : 0)
const isOfPiece = (code: number): boolean => code < 256 && pieceKinds[code] !== 0

/** Whether anything in a text may begin what is told by a mark or word, however short its piece is: it may go on in another text. */
export const mayBegin = (text: string): boolean => keysOf(text) !== noKeys

/** Whether a text, put beside others, can tell of a secret in them, or be one that they tell of. */
export function mayComplete(text: string): boolean {
  if (outside.test(text)) return true
  let start = 0
  for (let at = 0; at < text.length && at - start < longSecret; at++) if (!isOfPiece(text.charCodeAt(at))) start = at + 1
  return text.length - start >= longSecret
}
