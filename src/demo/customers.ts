export interface Customer {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly company: string
  readonly city: string
  readonly plan: 'free' | 'team' | 'business'
  readonly balance: number
  readonly ssn: string
  readonly card_number: string
  readonly api_key: string
  readonly notes: string
}

const firstNames = ['Ana', 'Bela', 'Chidi', 'Dora', 'Emre', 'Fatima', 'Goran', 'Hana', 'Ines', 'Jonas', 'Keiko', 'Liam', 'Mara', 'Nils', 'Olga', 'Priya']
const lastNames = ['Abara', 'Berg', 'Costa', 'Dietz', 'Evans', 'Fuchs', 'Garcia', 'Horvat', 'Ito', 'Jensen', 'Kowalski', 'Lopez', 'Moreau', 'Novak', 'Okafor', 'Patel']
const companies = ['Alder & Co', 'Birch Freight', 'Cedar Health', 'Dune Mobile', 'Ember Foods', 'Fjord Systems', 'Granite Legal', 'Harbour Bank']
const cities = ['Aarhus', 'Boston', 'Cork', 'Denver', 'Graz', 'Lyon', 'Osaka', 'Porto', 'Tallinn', 'Utrecht']
const plans = ['free', 'team', 'business'] as const
const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'

/** A small generator with a seed: every start of the demo has the same customers. */
function createRandom(seed: number) {
  let state = seed >>> 0
  const next = (): number => {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
  const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    whole,
    // The lists are not empty.
    pick: <T>(list: readonly T[]): T => list[whole(0, list.length - 1)] as T,
    digits: (count: number): string => Array.from({ length: count }, () => whole(0, 9)).join(''),
    letters: (count: number): string => Array.from({ length: count }, () => alphabet[whole(0, alphabet.length - 1)]).join(''),
  }
}

/** ISO/IEC 7812-1 annex B: the digit that makes the number valid. */
export function luhnDigit(digits: string): string {
  let sum = 0
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place])
    sum += place % 2 === 0 ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit
  }
  return String((10 - (sum % 10)) % 10)
}

/** Invented people. The cards begin with numbers that card companies keep for tests, the keys with a test prefix. */
export function makeCustomers(count: number, seed = 20_261_121): readonly Customer[] {
  const random = createRandom(seed)
  return Array.from({ length: count }, (_, index) => {
    const first = random.pick(firstNames)
    const last = random.pick(lastNames)
    const email = `${first}.${last}.${index + 1}@example.com`.toLowerCase()
    const card = `${random.pick(['42424242', '55555555', '40128888'])}${random.digits(7)}`
    const ssn = `${random.whole(101, 665)}-${random.whole(10, 99)}-${random.whole(1000, 9999)}`
    return {
      id: index + 1,
      name: `${first} ${last}`,
      email,
      company: random.pick(companies),
      city: random.pick(cities),
      plan: random.pick(plans),
      balance: random.whole(0, 250_000) / 100,
      ssn,
      card_number: `${card}${luhnDigit(card)}`,
      api_key: `sk_test_${random.letters(24)}`,
      notes: index % 7 === 0 ? `asked to be called back; wrote from ${email} that the card ends in ${card.slice(-3)}` : 'no open questions',
    }
  })
}
