import { createOutput } from '../../../src/cli/output.ts'
import { code, replayMarkdown } from '../../../src/cli/policy/replay-markdown.ts'
import { showReplay } from '../../../src/cli/policy/show-replay.ts'
import type { ReplayReport } from '../../../src/bundle/compare/replay.ts'

// What callers and servers choose the names of ends up under a pull request.
const hostile = '`| @all [x](https://evil.example) <img src=x>\n\u001b[31m#1'
const report: ReplayReport = {
  decisions: 2, judged: 1, not_kept: 1, no_bundle: 0, share: 0.5, changed: 1, calls_changed: 1,
  transitions: [{ before: 'allow', after: 'deny', decisions: 1, calls: 1 }],
  people: [{ name: hostile, decisions: 1 }], tools: [{ name: `crm ${hostile}`, decisions: 1 }], rules: [{ rule: hostile, gained: 1, lost: 0 }], missing: [{ name: `/message/body/${hostile}`, decisions: 1 }],
  examples: [{ session: 'ses_1', seq: 1, exchange: 'exg_1', at: '2026-01-01T00:00:00.000Z', actor: hostile, upstream: 'crm', direction: 'to_server', method: 'tools/call', call: hostile, in: ['kind'], before: { kind: 'allow', rules: ['a/allow'], risk: 0 }, after: { kind: 'deny', rules: [hostile], risk: 0 } }],
}

const title = { candidate: { name: hostile, digest: 'bnd_1' }, base: null, from: '2026-01-01T00:00:00.000Z', to: '2026-01-02T00:00:00.000Z', missing_bundles: [] }

test('no name breaks out of its cell, links, mentions or hides anything', () => {
  const text = replayMarkdown(title, report)
  expect(text).not.toContain('\u001b')
  // Outside of code there are only our own words.
  const outside = text.replace(/`[^`\n]*`/g, '')
  for (const sign of ['@', '[', '<img', 'evil', '#1']) expect(outside).not.toContain(sign)
  for (const line of outside.split('\n').filter((each) => each.startsWith('|'))) expect(line).toMatch(/^\|(?: [^|]* \|)+$/)
})

test('a terminal is told how many change, who and what is concerned, and obeys no name', () => {
  const written: string[] = []
  showReplay(title, report, createOutput({ stdout: { write: (text) => written.push(text) }, stderr: { write: () => true } }))
  const text = written.join('')
  expect(text).not.toContain('\u001b')
  expect(text).toContain('2 decisions recorded, 1 judged again (50.0 %)')
  expect(text).toContain('1 decision of 1 call would change')
  expect(text).toMatch(/^allow +deny +1 +1$/m)
  expect(text).toMatch(/^ {2}was allow: a\/allow$/m)
  expect(text).toContain('sallyport sessions show ses_1, #1')
})

// cmark-gfm takes `\\` for one sign, and then the `|` ends the cell; others take `\|` for one.
test('no name holds a sign that could end its cell or its code', () => {
  for (const name of ['a\\| @all [x](https://evil.example)', 'a\\\\| b', '|', '\\', '``', '']) expect(code(name)).toMatch(/^`[^`|\r\n]+`$/)
})
