/** What stdin brings, line by line, as bytes: other readers also end lines at U+2028, which a JSON text may hold. */
export async function* readLines(input: AsyncIterable<Buffer>, longest: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    let from = 0
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, at)])
      from = at + 1
      ;[parts, size] = [[], 0]
    }
    parts.push(chunk.subarray(from))
    size += chunk.length - from
    if (size > longest) throw new Error(`a message is larger than ${longest} bytes`)
  }
  if (size > 0) yield Buffer.concat(parts)
}

/** A message as one line; a line end can only stand between the tokens of a JSON text. */
export const asLine = (text: string): string => `${text.trim().replace(/[\r\n]+/g, ' ')}\n`
