import type { JsonObject } from '../../src/model.ts'
import { unmetClaim } from '../../src/identity/conditions.ts'
import { issuerSettings } from '../../src/identity/settings.ts'
import { bearer, createRig, createSigner, crm, settingsFor, sign, startIssuer } from './issuer.ts'

const github: JsonObject = {
  sub: 'repo:acme/shop:ref:refs/heads/main', repository: 'acme/shop', repository_owner: 'acme', ref: 'refs/heads/main', ref_protected: 'true',
  environment: 'production', job_workflow_ref: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main', run_attempt: 1,
}
const kubernetes: JsonObject = { sub: 'system:serviceaccount:build:runner', 'kubernetes.io': { namespace: 'build', serviceaccount: { name: 'runner' } }, aud: ['a', 'b'] }

test.each<readonly [JsonObject, Record<string, string | string[]>, string | undefined]>([
  [github, {}, undefined],
  [github, { repository: 'acme/shop' }, undefined],
  [github, { repository: 'acme/*', ref: ['refs/heads/main', 'refs/tags/v*'] }, undefined],
  [github, { repository: 'acme/*', ref: 'refs/tags/v*' }, 'ref'],
  [github, { repository: 'acme' }, 'repository'],
  [github, { repository: '*/shop' }, undefined],
  [github, { job_workflow_ref: 'acme/*/deploy.yml@*/main' }, undefined],
  [github, { job_workflow_ref: 'acme/*/deploy.yml@*/mai' }, 'job_workflow_ref'],
  [github, { sub: 'repo:acme/shop:*:refs/heads/main' }, undefined],
  [github, { run_attempt: '1' }, undefined],
  [github, { absent: '*' }, 'absent'],
  [github, { repository: 'ACME/shop' }, 'repository'],
  // The same characters may not serve twice.
  [{ name: 'aba' }, { name: 'ab*ba' }, 'name'],
  [{ name: 'abba' }, { name: 'ab*ba' }, undefined],
  [{ name: 'axbxb' }, { name: 'a*xb*xb' }, undefined],
  [{ name: 'axb' }, { name: 'a*xb*xb' }, 'name'],
  [kubernetes, { 'kubernetes.io.namespace': 'build', 'kubernetes.io.serviceaccount.name': 'runner' }, undefined],
  [kubernetes, { 'kubernetes.io.namespace': 'other' }, 'kubernetes.io.namespace'],
  [kubernetes, { 'kubernetes.io': '*' }, 'kubernetes.io'],
  [kubernetes, { aud: 'b' }, undefined],
  [{ __proto__: null, x: null }, { x: '*' }, 'x'],
  [github, { constructor: '*' }, 'constructor'],
])('%#: %j under %j lacks %s', (claims, conditions, unmet) => {
  expect(unmetClaim(claims, conditions)).toBe(unmet)
})

describe('an issuer that signs for everybody', () => {
  const read = (issuer: string, require?: unknown) => issuerSettings.safeParse({ name: 'ci', issuer, ...(require === undefined ? {} : { require }) })
  test.each([
    ['https://token.actions.githubusercontent.com', undefined],
    ['https://token.actions.githubusercontent.com', {}],
    ['https://token.actions.githubusercontent.com', { ref: 'refs/heads/main' }],
    ['https://token.actions.githubusercontent.com', { repository: '*' }],
    ['https://token.actions.githubusercontent.com', { repository: 'acme*' }],
    ['https://token.actions.githubusercontent.com', { repository: ['acme/*', '*/shop'] }],
    // The first word of a subject names nobody; at GitHub each repository decides what its own begin with.
    ['https://token.actions.githubusercontent.com', { sub: 'repo:*' }],
    ['https://token.actions.githubusercontent.com', { sub: 'repo:acme*' }],
    ['https://token.actions.githubusercontent.com', { sub: ['repo:acme/*', 'environment:production'] }],
    ['https://gitlab.com', { ref: 'main' }],
    ['https://gitlab.com', { sub: 'project_path:*:ref:main' }],
    ['https://agent.buildkite.com', { sub: 'organization:*' }],
    ['https://app.terraform.io', { sub: 'organization:acme*' }],
    ['https://accounts.google.com', undefined],
  ])('%s is refused with %j, and told what to say', (issuer, require) => {
    const { error } = read(issuer, require)
    expect(error?.issues.map(({ path, message }) => [path, message])).toEqual([[['require'], expect.stringMatching(/everybody can get tokens of this issuer: say whose are meant by one of /)]])
  })
  test.each([
    ['https://token.actions.githubusercontent.com', { repository: 'acme/*' }],
    ['https://token.actions.githubusercontent.com', { repository_owner: ['acme', 'acme-labs'] }],
    ['https://token.actions.githubusercontent.com', { sub: 'repo:acme/shop:*' }],
    ['https://gitlab.com', { namespace_path: 'acme' }],
    ['https://gitlab.com', { sub: 'project_path:acme/*' }],
    ['https://accounts.google.com', { sub: '112233445566' }],
    ['https://app.terraform.io', { sub: 'organization:acme:*' }],
    ['https://gitlab.acme.example', undefined],
  ])('%s is taken with %j', (issuer, require) => {
    expect(read(issuer, require).success).toBe(true)
  })
})

test('from outside: a token that lacks what is required is refused by the name of the claim, never by its value', async () => {
  const signer = await createSigner('k1', 'RS256')
  const issuer = await startIssuer([signer.jwk])
  try {
    const { identity } = createRig(settingsFor(issuer.url, { require: { repository: 'acme/*', ref: 'refs/heads/main' }, claims: { subject: 'repository' } }))
    const ask = async (claims: JsonObject) => identity.resolve({ rawHeaders: bearer(await sign(signer, { iss: issuer.url, ...claims } as never)), audience: crm })
    expect(await ask(github)).toMatchObject({ ok: true, actor: { kind: 'service', subject: 'acme/shop' } })
    const other = await ask({ ...github, ref: 'refs/heads/secret-name' })
    expect(other).toMatchObject({ ok: false, refusal: { status: 401, code: 'claim_refused', message: 'the claim ref of the token is not what is required of tokens of its issuer here' } })
    expect(JSON.stringify(other)).not.toContain('secret-name')
    expect(await ask({ ...github, repository: 'evil/shop' })).toMatchObject({ ok: false, refusal: { code: 'claim_refused' } })
    expect(await ask({ sub: 'x' })).toMatchObject({ ok: false, refusal: { code: 'claim_refused' } })
  } finally {
    await issuer.close()
  }
})
