/** A slow and obvious reader of strict JSON, to compare the fast one with. It works on characters, by RFC 8259's grammar. */
export type Tree =
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, Tree])[] }
  | { readonly kind: 'array'; readonly items: readonly Tree[] }
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly source: string }
  | { readonly kind: 'word'; readonly text: 'true' | 'false' | 'null' }

export function readSlowly(bytes: Uint8Array, options: { readonly maxDepth: number; readonly twins: boolean }): Tree | undefined {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
  try {
    const reader = { text, at: 0, ...options }
    const tree = value(reader, 1)
    space(reader)
    return reader.at === text.length ? tree : undefined
  } catch (error) {
    if (error === refused) return undefined
    throw error
  }
}

/** One line, as `JSON.stringify` would print it if it kept the sources of numbers. */
export function printSlowly(tree: Tree): string {
  if (tree.kind === 'object') return `{${inEngineOrder(tree.members).map(([name, item]) => `${JSON.stringify(name)}:${printSlowly(item)}`).join(',')}}`
  if (tree.kind === 'array') return `[${tree.items.map(printSlowly).join(',')}]`
  if (tree.kind === 'string') return JSON.stringify(tree.text)
  return tree.kind === 'number' ? tree.source : tree.text
}

interface Reader {
  readonly text: string
  at: number
  readonly maxDepth: number
  readonly twins: boolean
}
const refused = Symbol('refused')

function fail(): never {
  throw refused
}

function space(reader: Reader): void {
  while (' \t\r\n'.includes(reader.text[reader.at] ?? 'x')) reader.at++
}

function next(reader: Reader, pattern: RegExp): string {
  const sticky = new RegExp(pattern, 'y')
  sticky.lastIndex = reader.at
  const found = sticky.exec(reader.text)?.[0] ?? fail()
  reader.at += found.length
  return found
}

function value(reader: Reader, depth: number): Tree {
  space(reader)
  const c = reader.text[reader.at]
  if ((c === '{' || c === '[') && depth > reader.maxDepth) fail()
  if (c === '{') return object(reader, depth)
  if (c === '[') return array(reader, depth)
  if (c === '"') return { kind: 'string', text: string(reader) }
  if (c === '-' || (c !== undefined && c >= '0' && c <= '9')) {
    const source = next(reader, /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/)
    return Number.isFinite(Number(source)) ? { kind: 'number', source } : fail()
  }
  return { kind: 'word', text: next(reader, /true|false|null/) as 'true' }
}

function array(reader: Reader, depth: number): Tree {
  next(reader, /\[/)
  const items: Tree[] = []
  space(reader)
  if (reader.text[reader.at] !== ']') {
    do {
      items.push(value(reader, depth + 1))
      space(reader)
    } while (next(reader, /[,\]]/) === ',')
  } else reader.at++
  return { kind: 'array', items }
}

function object(reader: Reader, depth: number): Tree {
  next(reader, /\{/)
  const members: (readonly [string, Tree])[] = []
  space(reader)
  if (reader.text[reader.at] !== '}') {
    do {
      space(reader)
      const name = string(reader)
      space(reader)
      next(reader, /:/)
      members.push([name, value(reader, depth + 1)])
      space(reader)
    } while (next(reader, /[,}]/) === ',')
  } else reader.at++
  const names = members.map(([name]) => name)
  if (names.includes('__proto__') || new Set(names).size < names.length) fail()
  if (reader.twins && names.some((a, i) => names.some((b, j) => i < j && sameFolded(a, b)))) fail()
  return { kind: 'object', members }
}

function sameFolded(a: string, b: string): boolean {
  return a.toLowerCase().toUpperCase() === b.toLowerCase().toUpperCase()
}

function string(reader: Reader): string {
  next(reader, /"/)
  let text = ''
  for (;;) {
    const c = reader.text[reader.at++] ?? fail()
    if (c === '"') break
    if (c < ' ') fail()
    if (c !== '\\') {
      text += c
      continue
    }
    const escape = reader.text[reader.at++] ?? fail()
    const simple = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }[escape]
    text += simple ?? (escape === 'u' ? String.fromCharCode(Number.parseInt(next(reader, /[0-9a-fA-F]{4}/), 16)) : fail())
  }
  return text.isWellFormed() ? text : fail()
}

/** JavaScript puts names that are array indices first, in order of size. */
function inEngineOrder<T>(members: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  const index = (name: string): boolean => String(Number(name) >>> 0) === name && Number(name) < 2 ** 32 - 1
  return [...members.filter(([name]) => index(name)).sort(([a], [b]) => Number(a) - Number(b)), ...members.filter(([name]) => !index(name))]
}
