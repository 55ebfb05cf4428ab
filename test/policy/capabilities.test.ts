import { readFileSync } from 'node:fs'
import { generateCapabilities } from '../../scripts/capabilities.ts'
import { allBuiltins } from '../../src/policy/builtins/index.ts'
import { openCompiler } from './support.ts'

const compiler = openCompiler()
afterAll(() => compiler.close())

const text = readFileSync(new URL('../../src/policy/capabilities.json', import.meta.url), 'utf8')
const capabilities = JSON.parse(text) as { readonly builtins: readonly { readonly name: string }[]; readonly features: readonly string[]; readonly allow_net: readonly string[] }
const names = capabilities.builtins.map(({ name }) => name)

test('the committed capabilities are what the host was seen to run', async () => {
  expect(await generateCapabilities(compiler.opa)).toBe(text)
})

test('nothing that depends on clock, network, chance or environment is among them', () => {
  const out = ['http.send', 'net.lookup_ip_addr', 'opa.runtime', 'rand.intn', 'time.now_ns', 'uuid.rfc4122', 'crypto.x509.parse_and_verify_certificates', 'providers.aws.sign_req']
  expect(names.filter((name) => out.includes(name))).toEqual([])
  expect(capabilities.allow_net).toEqual([])
})

test('every builtin that the host brings is among them', async () => {
  expect(Object.keys(await allBuiltins()).filter((name) => !names.includes(name))).toEqual([])
})

test('they speak of the Rego of today, and any other builtin is an error of the check', async () => {
  expect(capabilities.features).toEqual(expect.arrayContaining(['rego_v1', 'keywords_in_refs']))
  const check = (source: string): ReturnType<typeof compiler.opa.check> => compiler.opa.check({ modules: { 'a.rego': `package policies.a\n\n${source}\n` }, capabilities })
  expect(await check('allow if regex.match("a", input.upstream.name)')).toEqual([])
  expect(JSON.stringify(await check('allow if http.send({"method": "get", "url": "http://localhost"})'))).toContain('http.send')
})
