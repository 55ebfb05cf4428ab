/** How many characters are looked at at once. */
const width = 4
const tableBits = 14

/**
 * A test whether any of the needles stands in a text. It looks at four characters only every so many: wherever the shortest needle
 * stands, such a look falls inside it, and sees four characters that follow each other in a needle. No needle may be
 * shorter than four characters.
 */
export function createProbe(needles: readonly string[]): (text: string) => boolean {
  // where a needle stands that holds another, the other stands too
  const least = needles.filter((needle, at) => !needles.some((other, index) => (other.length < needle.length || (other === needle && index < at)) && needle.includes(other)))
  const shortest = Math.min(...least.map(({ length }) => length))
  const step = shortest - width + 1
  const known = new Set<number>()
  const table = new Uint8Array(1 << tableBits)
  for (const needle of least) {
    for (let at = 0; at + width <= needle.length; at++) {
      const look = lookAt(needle, at)
      known.add(look)
      table[look >>> (32 - tableBits)] = 1
    }
  }
  return (text) => {
    if (text.length < shortest) return false
    for (let at = 0; at + width <= text.length; at += step) {
      const look = lookAt(text, at)
      if (table[look >>> (32 - tableBits)] === 1 && known.has(look)) return least.some((needle) => text.includes(needle))
    }
    return false
  }
}

const prime = 0x9e3779b1

/** Four characters as one number; different ones may have the same. */
function lookAt(text: string, at: number): number {
  const low = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16)
  const high = text.charCodeAt(at + 2) | (text.charCodeAt(at + 3) << 16)
  return (Math.imul(low, prime) ^ Math.imul(high ^ (high >>> 15), 0x85ebca6b)) | 0
}
