// Tries to break every promise, and counts how often it could.
//   npm run test:faults -- [--only P1,P6] [--rounds N] [--messages N] [--json]
// Exit 0: no violation; 1: a violation, or a campaign that could not be carried out; 2: wrong use. What this machine has no
// means for is skipped and told as such, never as passed.
import { parseArgs } from 'node:util'
import type { Campaign, Report, RunOptions } from './faults/campaign.ts'
import { campaigns } from './faults/index.ts'
import { missing } from './faults/needs.ts'

type Told =
  | { readonly title: string; readonly status: 'passed' | 'failed'; readonly checked: number; readonly violations: number; readonly details: readonly string[] }
  | { readonly title: string; readonly status: 'skipped'; readonly violations: null; readonly why: string }

function wrong(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

function readArgs() {
  try {
    return parseArgs({ options: { only: { type: 'string' }, rounds: { type: 'string' }, messages: { type: 'string' }, json: { type: 'boolean', default: false } } }).values
  } catch (error) {
    return wrong(String((error as Error).message))
  }
}

function countOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = Number(text)
  return Number.isSafeInteger(count) && count > 0 ? count : wrong(`--${name} wants a whole number above 0`)
}

const args = readArgs()
const rounds = countOf('rounds', args.rounds)
const messages = countOf('messages', args.messages)
const only = args.only?.split(',')
const unknown = only?.filter((promise) => !(promise in campaigns)) ?? []
if (unknown.length > 0) wrong(`there is no campaign ${unknown.join(', ')}; there are ${Object.keys(campaigns).join(', ')}`)

async function tell({ title, needs, run }: Campaign, options: RunOptions): Promise<Told> {
  const lacking = missing(needs)
  if (lacking.length > 0) return { title, status: 'skipped', violations: null, why: `this machine has no ${lacking.join(', no ')}` }
  const report = await run(options).catch((error: unknown): Report => ({ checked: 0, violations: 1, details: [`it could not be carried out: ${String((error as Error).stack ?? error)}`] }))
  const empty = report.checked === 0 && report.violations === 0
  return { title, status: report.violations === 0 && !empty ? 'passed' : 'failed', ...report, ...(empty ? { violations: 1, details: ['nothing was looked at'] } : {}) }
}

const promises: Record<string, Told> = {}
for (const [promise, campaign] of Object.entries(campaigns)) {
  if (only !== undefined && !only.includes(promise)) continue
  const say = (text: string) => void process.stderr.write(`${promise} ${text}\n`)
  say(campaign.title)
  const told = await tell(campaign, { say, ...(rounds === undefined ? {} : { rounds }), ...(messages === undefined ? {} : { messages }) })
  promises[promise] = told
  if (told.status === 'skipped') say(`SKIPPED, NOT PROVED: ${told.why}`)
  else {
    for (const detail of told.details) say(`  ${detail}`)
    say(`${told.status}: ${told.violations} violations in ${told.checked}`)
  }
}
const all = Object.values(promises)
const violations = all.reduce((sum, told) => sum + (told.violations ?? 0), 0)
const skipped = all.filter(({ status }) => status === 'skipped').length
process.stdout.write(args.json ? `${JSON.stringify({ promises, violations, skipped })}\n` : `${violations} violations${skipped === 0 ? '' : `, ${skipped} SKIPPED`}\n`)
process.exit(violations === 0 ? 0 : 1)
