/** What is measured: one tool call and its answer, small or of a hundred rows, as one JSON body or as an event stream. */
export interface Case {
  readonly name: string
  readonly tool: 'query' | 'list_customers'
  readonly reply: 'json' | 'sse'
  readonly as: 'text' | 'structured'
}
export const cases: readonly Case[] = [
  { name: 'small', tool: 'query', reply: 'json', as: 'text' },
  { name: 'small-sse', tool: 'query', reply: 'sse', as: 'text' },
  { name: 'rows-text', tool: 'list_customers', reply: 'json', as: 'text' },
  { name: 'rows-structured', tool: 'list_customers', reply: 'json', as: 'structured' },
  { name: 'rows-text-sse', tool: 'list_customers', reply: 'sse', as: 'text' },
  { name: 'rows-structured-sse', tool: 'list_customers', reply: 'sse', as: 'structured' },
]
const rowCount = 100
/** Every card number begins so, and no other digits of an answer do. */
const cardPrefix = '45391488'
const rowMark = 'CUST-'

/** The arguments of one call. The statement of `query` is 64 characters; every pattern of the policies is put to it. */
export function argumentsOf({ tool, reply, as }: Case, nonce: string): Record<string, unknown> {
  if (tool === 'list_customers') return { limit: rowCount, nonce, reply, as }
  return { sql: `SELECT '${nonce}' AS nonce FROM customers`.padEnd(56) + ' LIMIT 1', reply }
}

/** Undefined if the answer is what it has to be: this call's, whole, and without a card number where they are masked. */
export function wrongIn(body: string, { tool }: Case, nonce: string, masks: boolean): string | undefined {
  if (!body.includes(nonce)) return 'the nonce is missing'
  if (body.includes('"isError":true')) return 'an error'
  if (tool === 'query') return undefined
  let rows = 0
  for (let at = body.indexOf(rowMark); at >= 0; at = body.indexOf(rowMark, at + rowMark.length)) rows += 1
  if (rows !== rowCount) return `${rows} rows`
  const inClear = body.includes(cardPrefix)
  if (inClear === masks) return inClear ? 'a card number in clear' : 'no card numbers'
  return undefined
}

const luhnDigit = (digits: string): number => {
  let sum = 0
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return (10 - (sum % 10)) % 10
}
const cardOf = (index: number): string => {
  const digits = `${cardPrefix}${String(index).padStart(7, '0')}`
  return `${digits}${luhnDigit(digits)}`
}

/** About 400 bytes each. */
export const customers = Array.from({ length: rowCount }, (_, index) => ({
  id: `${rowMark}${index}`,
  name: `Customer ${String(index).padStart(3, '0')}`,
  address: `${index + 1} Harbour Street, Springfield, apartment ${index % 40}, second floor, ring twice`,
  card: cardOf(index),
  ssn: `${100 + index}-${10 + (index % 80)}-${1000 + index}`,
  plan: index % 3 === 0 ? 'enterprise' : 'standard',
  active: index % 7 !== 0,
  balance: index * 12.25,
  notes: 'Prefers to be called in the morning; asked about the invoice of last month and was told that it is on its way.',
}))
