import type { Question } from '../src/model.ts'

interface Size {
  readonly rules: number
  readonly entries: number
}
const perTeam = 20

/** A source as a large company might have it: a package for each team, permissions, refusals, approvals, points and masks, tables in the data, tests. */
export const filesOf = ({ rules, entries }: Size, version: number): ReadonlyMap<string, string> => {
  const files = new Map<string, string>()
  const teams = Math.ceil(rules / perTeam)
  for (let team = 0; team < teams; team += 1) {
    files.set(`policies/team${team}/team${team}.rego`, policyOf(team, version))
    files.set(`policies/team${team}/team${team}_test.rego`, testOf(team))
  }
  const tables = Array.from({ length: entries }, (_, index) => [`table_${index}`, { owner: `team${index % teams}`, secret: index % 7 === 0 }] as const)
  files.set('data.json', JSON.stringify({ thresholds: { approve: 70, deny: 100, reviewers: ['oncall'] }, tables: Object.fromEntries(tables) }))
  return files
}

function policyOf(team: number, version: number): string {
  const rule = (head: string, ...conditions: readonly string[]): string => `# METADATA\n# title: ${head.split('"code": ')[1]?.split('"')[1] ?? 'Permission'} of team ${team}\n${head} if {\n${conditions.map((line) => `\t${line}\n`).join('')}}\n`
  const isOurs = `input.upstream.name == "crm${team % 10}"`
  const parts = [
    ...['query', 'list', 'export', 'update'].map((tool) => rule('allow', isOurs, 'input.message.method == "tools/call"', `sallyport.in_group("team${team}")`, `input.message.call.name == "${tool}"`)),
    ...[0, 1, 2, 3, 4, 5].map((index) => rule(`deny contains {"code": "words_${index}", "message": "these words are not allowed"}`, isOurs, 'input.message.call.name == "query"', `sallyport.matches(\`(?i)\\b(drop|word_${team}_${index})\\b\`, sallyport.arg("sql"))`)),
    ...[0, 1].map((index) => rule(`deny contains {"code": "secret_${index}", "message": "this table is not for everybody"}`, isOurs, 'startswith(input.message.call.name, "table_")', 'table := object.get(data.tables, input.message.call.name, {"owner": "", "secret": true})', 'table.secret == true', `not sallyport.in_group("secrets_${team}_${index}")`)),
    ...[0, 1, 2].map((index) => rule(`require_approval contains {"code": "bulk_${index}", "reviewers": ["oncall"], "message": "this is much"}`, isOurs, 'input.message.call.name == "export"', `sallyport.exceeds(sallyport.arg("limit"), ${1000 + version + index})`)),
    ...[0, 1, 2].map((index) => rule(`risk contains {"code": "signs_${index}", "points": ${index + 1}}`, isOurs, `sallyport.exceeds(input.session.denied, ${10 + index})`)),
    ...[0, 1].map((index) => rule(`mask contains {"path": "/structuredContent/rows/*/field_${index}", "code": "field_${index}"}`, isOurs, 'input.message.direction == "to_client"', `not sallyport.in_group("readers_${team}")`)),
  ]
  return `package policies.team${team}\n\nimport data.sallyport\n\n${parts.join('\n')}`
}

function testOf(team: number): string {
  return `package policies.team${team}_test\n\nimport data.policies.team${team}\n\ntest_query_is_allowed if {\n\tteam${team}.allow with input as {\n\t\t"actor": {"groups": ["team${team}"]},\n\t\t"upstream": {"name": "crm${team % 10}"},\n\t\t"message": {"method": "tools/call", "call": {"name": "query"}},\n\t}\n}\n`
}

/** Calls of people of all teams, with arguments that seldom repeat. */
export function questionAt(index: number, { rules }: Size): Question {
  const team = index % Math.ceil(rules / perTeam)
  const name = ['query', 'export', `table_${index % 9973}`][index % 3] ?? 'query'
  const given = name === 'export' ? { limit: index % 1500 } : { sql: `SELECT * FROM customers WHERE id = ${index}` }
  return {
    actor: { kind: 'person', subject: `person_${index % 500}`, issuer: 'https://idp.example', provider: 'idp', groups: [`team${team}`, 'staff'], groups_known: true, claims: {} },
    upstream: { name: `crm${team % 10}`, labels: {} },
    session: { id: 'ses_1', started_at: '2026-11-21T00:00:00.000Z', client: {}, calls: index, denied: 0, approvals: 0, bytes_out: 0 },
    message: { direction: 'to_server', kind: 'request', method: 'tools/call', revision: '2025-11-25', call: { kind: 'tool', name, arguments: given, annotations: {}, template: false }, body: { name, arguments: given } },
    entries: [],
    findings: [],
    now: '2026-11-21T12:00:00.000Z',
  }
}
