import { createHash } from 'node:crypto'
import { decodeBase64 } from './base64.ts'
import { builtin, textOf, type HostBuiltin } from './builtin.ts'

const maxBytes = 256 * 1024

function ofOneText(answer: (text: string) => string | undefined): HostBuiltin {
  return {
    reads: 'json',
    maxBytes,
    run([operand], charge) {
      const text = textOf(operand)
      if (text === undefined) return undefined
      charge(text.length)
      const value = answer(text)
      return value === undefined ? undefined : JSON.stringify(value)
    },
  }
}

/** One text or several of them; undefined for everything else. */
function textsOf(operand: string | undefined): readonly string[] | undefined {
  const value: unknown = JSON.parse(operand ?? 'null')
  const list: readonly unknown[] | undefined = Array.isArray(value) ? value : typeof value === 'string' ? [value] : undefined
  return list?.every((entry): entry is string => typeof entry === 'string') ? list : undefined
}

function anyMatch(matches: (text: string, affix: string) => boolean): HostBuiltin {
  return {
    reads: 'json',
    maxBytes,
    run(operands, charge) {
      const texts = textsOf(operands[0])
      const affixes = textsOf(operands[1])
      if (texts === undefined || affixes === undefined) return undefined
      charge(texts.length * affixes.reduce((sum, affix) => sum + 8 + affix.length, 0))
      return String(texts.some((text) => affixes.some((affix) => matches(text, affix))))
    },
  }
}

const count: HostBuiltin = {
  reads: 'json',
  maxBytes,
  run(operands, charge) {
    const text = textOf(operands[0])
    const piece = textOf(operands[1])
    if (text === undefined || piece === undefined) return undefined
    charge(text.length)
    // Go counts the places between characters for an empty piece.
    return String(piece === '' ? [...text].length + 1 : text.split(piece).length - 1)
  },
}

/** The module's own takes what is not padded. */
const isBase64 = builtin(([text]) => typeof text === 'string' && decodeBase64(text) !== undefined, 16 * 1024 * 1024)

export const textBuiltins = {
  'base64.is_valid': isBase64,
  'crypto.sha256': ofOneText((text) => createHash('sha256').update(text).digest('hex')),
  'hex.encode': ofOneText((text) => Buffer.from(text).toString('hex')),
  'base64url.encode_no_pad': ofOneText((text) => Buffer.from(text).toString('base64url')),
  'strings.any_prefix_match': anyMatch((text, affix) => text.startsWith(affix)),
  'strings.any_suffix_match': anyMatch((text, affix) => text.endsWith(affix)),
  'strings.count': count,
} satisfies Record<string, HostBuiltin>
