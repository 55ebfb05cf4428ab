import { allowAll, greetingOf, post, startGateway } from '../support/gateway.ts'
import { createPersonBrowser } from '../support/person-browser.ts'
import { mcpAnswers, startStubServer } from '../support/stub-server.ts'
import { keyFetches, startStormIssuers, storm, stormIdentity } from './login-storm.ts'

// As fast as it is asked for, and beside other calls: npm run test:faults -- --only L12
test('L12: everybody signs in while tokens of unknown keys come in, and the keys of an issuer are fetched once for all of them', async () => {
  const issuers = await startStormIssuers()
  const stub = await startStubServer(mcpAnswers({}))
  const gateway = await startGateway({ upstreams: { stub: { url: stub.url } }, rego: { 'policies/open/open.rego': allowAll }, settings: { identity: stormIdentity(issuers, { env: 'SECRET' }) }, env: { SECRET: issuers.corp.client.secret } })
  try {
    const mcp = gateway.mcp('stub')
    const greet = async () => (await post(mcp, await issuers.ci.sign({ sub: 'job', aud: mcp }), greetingOf('job'))).status
    expect(await greet()).toBe(200)
    expect((await createPersonBrowser().visit(`${gateway.url}/login`)).text).toContain('You are signed in')
    const fetched = () => [keyFetches(issuers.corp), keyFetches(issuers.ci)]
    expect(fetched()).toEqual([1, 1])
    const { logins, shed, unknown, wrong } = await storm(issuers, { url: gateway.url, mcp, seconds: 1, loginsPerSecond: 25, unknownPerSecond: 200 })
    expect({ logins, unknown, wrong }).toEqual({ logins: 25, unknown: 200, wrong: [] })
    expect(shed).toBeLessThan(25)
    // Once more, because a key was not among them.
    expect(fetched()).toEqual([2, 2])
    expect(await greet()).toBe(200)
  } finally {
    await gateway.close()
    await stub.close()
    await Promise.all([issuers.corp.close(), issuers.ci.close()])
  }
})
