import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { good, type Content } from './configuration.ts'

/** One way to be wrong or weak: what is written, and where it must be told. */
export interface Row {
  readonly name: string
  readonly content: Content
  readonly path: string
  readonly says: RegExp
  readonly files?: Parameters<typeof import('./configuration.ts').createPlace>[0]
  readonly env?: Readonly<Record<string, string>>
}

const row = (name: string, change: Content, path: string, says: RegExp, more: Pick<Row, 'files' | 'env'> = {}): Row => ({ name, content: good(change), path, says, ...more })
const without = (name: string, key: string, says: RegExp): Row => ({ name, content: Object.fromEntries(Object.entries(good()).filter(([own]) => own !== key)), path: key, says })
const issuer = (change: Content): Content => ({ identity: { issuers: [{ name: 'ci', issuer: 'https://issuer.example', ...change }] } })
const key = (from: Content): Content => ({ store: { kind: 'sqlite', path: 'a.db', key_from: from } })
const keyOf = (name: string, text: string): Row => row(name, key({ env: 'KEY' }), 'store.key_from', /32 random bytes/, { env: { KEY: text } })
const crm = (change: Content): Content => ({ upstreams: { crm: { url: 'http://127.0.0.1:9001/mcp', ...change } } })
const bearer = (from: unknown): Content => ({ credentials: { kind: 'bearer', token_from: from } })
const vault = (change: Content) => ({ vault: { address: 'https://vault.example', path: 'secret/crm', key: 'token', auth: { kind: 'token', token_from: { env: 'VAULT' } }, ...change } })
const corp = { kind: 'oidc', name: 'corp', issuer: 'https://corp.example', client_id: 'sallyport', client_secret_from: { env: 'CORP' } }
const second = { ...corp, name: 'partner', issuer: 'https://partner.example' }
const people = (name: string, providers: readonly Content[], at: string, says: RegExp, more: Content = {}): Row =>
  row(name, { identity: { providers }, ...more }, at, says, { env: { CORP: 'a secret' } })
const service = { grants: ['client_credentials'], client_secret_from: { env: 'CORP' } }
const acting = { grants: ['token_exchange'], client_secret_from: { env: 'CORP' }, may_act_for: { groups: ['support'] } }
const client = (name: string, change: Content, at: string, says: RegExp): Row =>
  row(name, { identity: { providers: [corp], clients: [{ client_id: 'job', name: 'A job', ...change }] } }, `identity.clients[0].${at}`, says, { env: { CORP: 'a secret' } })
const git = (name: string, change: Content, at: string, says: RegExp, more: Pick<Row, 'env'> = {}): Row =>
  row(name, { policy: { source: { kind: 'git', url: 'https://git.example/policies.git', ...change } } }, `policy.source.${at}`, says, more)
const deployKey = { credentials: { kind: 'deploy_key', key_from: { file: 'store.key' }, known_hosts: { file: 'store.key' } } }

const verify = (name: string, keys: unknown, at: string, says: RegExp, more: Pick<Row, 'files' | 'env'> & { readonly policy?: Content } = {}): Row =>
  row(name, { policy: { source: { kind: 'bundle', url: 'https://bundles.example/p.tar.gz' }, verify: { keys }, ...more.policy } }, `policy.verify.keys${at}`, says, more)
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })
const [strong, weak] = [rsa(2048), rsa(1024)]
const keyFiles = { open: strong.publicKey, secret: strong.privateKey, weak: weak.publicKey }
const maxAge = (name: string, max_age: Content, at: string, says: RegExp): Row => row(name, { policy: { source: { kind: 'directory', path: 'rego' }, max_age } }, `policy.max_age.${at}`, says)

export const rows: readonly Row[] = [
  row('plain http for others to see', { listen: { host: '0.0.0.0' } }, 'public_url', /https/),
  row('a public address of plain http', { public_url: 'http://gateway.example' }, 'public_url', /insecure_http/),
  row('a reachable address with a local public_url', { listen: { host: '::' }, public_url: 'http://127.0.0.1:8080' }, 'listen.host', /insecure_http/),
  row('a public_url with a path', { public_url: 'https://gateway.example/x' }, 'public_url', /without path/),
  row('a public_url with a password', { public_url: 'https://u:p@gateway.example' }, 'public_url', /without path/),
  people('people who sign in over plain http', [corp], 'public_url', /https/, { public_url: 'http://gateway.example', listen: { insecure_http: true } }),
  people('a provider\'s key that is none', [{ ...corp, client_secret_from: undefined, private_key_from: { env: 'CORP' } }], 'identity.providers[0].private_key_from', /PEM/),
  people('two providers of one name', [{ ...corp, trusted_groups: [] }, { ...second, name: 'corp', trusted_groups: [] }], 'identity.providers[1].name', /name of its own/),
  people('two providers of one issuer', [{ ...corp, trusted_groups: [] }, { ...corp, name: 'again', trusted_groups: [] }], 'identity.providers[1].issuer', /each issuer once/),
  people('a provider with the name of an issuer', [corp], 'identity.providers[0].name', /name of its own/, { identity: { providers: [corp], issuers: [{ name: 'corp', issuer: 'https://other.example' }] } }),
  people('a provider with the name of the gateway', [{ ...corp, name: 'gateway' }], 'identity.providers[0].name', /another name/),
  people('two providers that do not say whose groups they may name', [corp, second], 'identity.providers[0].trusted_groups', /none may name the groups of another/),
  people('a provider that may name a group of another', [{ ...corp, trusted_groups: ['partner:admins'] }, { ...second, trusted_groups: [] }], 'identity.providers[0].trusted_groups', /groups of this provider/),
  people('two providers that may both name all groups', [{ ...corp, trusted_groups: 'all' }, { ...second, trusted_groups: 'all' }], 'identity.providers[1].trusted_groups', /a list/),
  people('a provider over plain http', [{ ...corp, issuer: 'http://corp.example' }], 'identity.providers[0].issuer', /https/),
  people('a provider without a secret', [{ ...corp, client_secret_from: undefined }], 'identity.providers[0].client_secret_from', /exactly one/),
  people('a secret that is not there', [{ ...corp, client_secret_from: { env: 'NOWHERE' } }], 'identity.providers[0].client_secret_from', /a variable/),
  people('a provider whose own secret could sign', [{ ...corp, algorithms: ['HS256'] }], 'identity.providers[0].algorithms[0]', /one of RS256/),
  people('Google accounts of anybody', [{ ...corp, preset: 'google' }], 'identity.providers[0].domain', /domain whose people/),
  people('any tenant of Entra ID', [{ ...corp, preset: 'entra', issuer: 'https://login.microsoftonline.com/common/v2.0' }], 'identity.providers[0].issuer', /one tenant/),
  people('a sign-in that is not OpenID', [{ ...corp, scopes: ['email'] }], 'identity.providers[0].scopes', /openid/),
  client('a service that shows nothing', { grants: ['client_credentials'] }, 'client_secret_from', /show who it is/),
  client('a client with two ways to show who it is', { ...service, jwks: { url: 'https://keys.example' } }, 'jwks', /either/),
  client('keys that anybody in between could replace', { grants: ['client_credentials'], jwks: { url: 'http://keys.example' } }, 'jwks.url', /https/),
  client('keys that are not there', { grants: ['client_credentials'], jwks: { file: 'nowhere.json' } }, 'jwks.file', /readable/),
  client('a service to which people are sent back', { ...service, redirect_uris: ['https://app.example'] }, 'redirect_uris', /none without/),
  client('a client that signs people in and is sent nowhere', {}, 'redirect_uris', /at least one/),
  client('groups for people of a client', { redirect_uris: ['https://app.example'], groups: ['jobs'] }, 'groups', /people bring/),
  client('a client by the name of an account', { ...service, client_id: 'acc_0123' }, 'client_id', /does not begin/),
  row('devices where nobody can sign in', { identity: { issuers: [{ name: 'ci', issuer: 'https://issuer.example' }], clients: [{ client_id: 'tv', name: 'A screen', grants: ['device_code'] }] } }, 'identity.providers', /nowhere to/),
  client('a client for whose people nobody vouches', { grants: ['id_jag'], client_secret_from: { env: 'CORP' } }, 'grants', /identity.id_jag/),
  client('a client that people are said to be behind, and that shows nothing', { grants: ['id_jag'] }, 'client_secret_from', /show who it is/),
  client('a client that acts for nobody in particular', { grants: ['token_exchange'], client_secret_from: { env: 'CORP' } }, 'may_act_for', /groups of the people/),
  client('a client that acts for everybody', { ...acting, may_act_for: { groups: ['*'] } }, 'may_act_for.groups[0]', /no "all"/),
  client('a client that acts for an empty list', { ...acting, may_act_for: { groups: [] } }, 'may_act_for.groups', /at least one/),
  client('a client that acts for people and shows nothing', { ...acting, client_secret_from: undefined }, 'client_secret_from', /show who it is/),
  client('people for whom nobody acts', { ...service, may_act_for: { groups: ['support'] } }, 'may_act_for', /nobody without/),
  client('programs that nobody brings', { ...service, actors: ['ci'] }, 'actors', /none without/),
  client('programs of somebody who is not there', { ...acting, actors: ['elsewhere'] }, 'actors[0]', /issuer of programs/),
  people('assertions of somebody who is not there', [corp], 'identity.id_jag[0]', /a provider of the kind oidc/, { identity: { providers: [corp], id_jag: ['partner'] } }),
  client('a grant that nobody knows', { grants: ['password'] }, 'grants[0]', /one of/),
  row('fewer sessions than workers', { workers: 4, limits: { sessions: 3 } }, 'limits.sessions', /each worker/),
  row('no workers', { workers: 0 }, 'workers', /auto or a whole number from 1 to 64/),
  row('workers by another word', { workers: 'many' }, 'workers', /auto or a whole number from 1 to 64/),
  row('every host', { allowed_hosts: ['*'] }, 'allowed_hosts[0]', /wildcard/),
  row('every host of a domain', { allowed_hosts: ['*.example'] }, 'allowed_hosts[0]', /wildcard/),
  row('every origin', { allowed_origins: ['*'] }, 'allowed_origins[0]', /wildcard/),
  row('the opaque origin', { allowed_origins: ['null'] }, 'allowed_origins[0]', /exact origin/),
  without('no store', 'store', /names/),
  without('no policy', 'policy', /names/),
  without('no servers', 'upstreams', /servers/),
  { ...without('no identity', 'identity', /at least one issuer/), path: 'identity.issuers' },
  row('no issuer', { identity: { issuers: [] } }, 'identity.issuers', /at least one issuer/),
  row('an empty list of servers', { upstreams: {} }, 'upstreams', /at least one server/),
  row('no key for the store', { store: { kind: 'sqlite', path: 'a.db' } }, 'store.key_from', /env/),
  row('a key that is not there', key({ env: 'NOWHERE' }), 'store.key_from', /variable/),
  row('a key file that is not there', key({ file: 'nowhere' }), 'store.key_from', /readable/),
  row('a store that is another file', { store: { kind: 'sqlite', path: 'notes.txt', key_from: { file: 'store.key' } } }, 'store.path', /no file yet/, { files: { 'notes.txt': 'not a database at all' } }),
  row('a key file for all to read', key({ file: 'open.key' }), 'store.key_from', /others/, { files: { 'open.key': { text: randomBytes(32).toString('hex'), mode: 0o644 } } }),
  keyOf('a blank key', ' '),
  keyOf('a key of 16 bytes', randomBytes(16).toString('hex')),
  keyOf('a key that is a word', 'changeme'),
  keyOf('a key of zeros', '0'.repeat(64)),
  keyOf('a key that counts', Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64')),
  keyOf('a key that is text in base64', Buffer.from('correct horse battery staple 123').toString('base64')),
  keyOf('a key that repeats', randomBytes(8).toString('hex').repeat(4)),
  row('a store in memory', { store: { kind: 'sqlite', path: ':memory:', key_from: { file: 'store.key' } } }, 'store.path', /disk/),
  row('a store that is a directory', { store: { kind: 'sqlite', path: 'rego', key_from: { file: 'store.key' } } }, 'store.path', /written/),
  row('PostgreSQL', { store: { kind: 'postgres', key_from: { file: 'store.key' } } }, 'store.kind', /not available in this version/),
  verify('no key', [], '', /at least one key/),
  verify('a key file that is not there', [{ file: 'nowhere' }], '[0].file', /readable/),
  verify('a private key to verify with', [{ file: 'p.pem' }], '[0].file', /public key/, { files: { 'p.pem': keyFiles.secret } }),
  verify('a key that is too short', [{ file: 'p.pem' }], '[0].file', /2048 bits/, { files: { 'p.pem': keyFiles.weak } }),
  verify('a key for another algorithm', [{ file: 'p.pem', algorithm: 'ES256' }], '[0].file', /one for ES256/, { files: { 'p.pem': keyFiles.open } }),
  row('decisions that are reported in the clear', { policy: { source: { kind: 'directory', path: 'rego' }, decision_logs: { url: 'http://opa.example' } } }, 'policy.decision_logs.url', /https/),
  row('a status server with a query', { policy: { source: { kind: 'directory', path: 'rego' }, status: { url: 'https://opa.example/?a=b' } } }, 'policy.status.url', /query/),
  row('a partition that leaves its place', { policy: { source: { kind: 'directory', path: 'rego' }, decision_logs: { url: 'https://opa.example', partition: '../admin' } } }, 'policy.decision_logs.partition', /letters/),
  row('TLS towards a server of reports that speaks none', { policy: { source: { kind: 'directory', path: 'rego' }, status: { url: 'http://127.0.0.1:1', tls: { ca: { file: 'p.pem' } } } } }, 'policy.status.tls', /https/, { files: { 'p.pem': keyFiles.open } }),
  row('an authority of a server of reports that is none', { policy: { source: { kind: 'directory', path: 'rego' }, decision_logs: { url: 'https://opa.example', tls: { ca: { file: 'p.pem' } } } } }, 'policy.decision_logs.tls.ca.file', /certificate/, { files: { 'p.pem': keyFiles.open } }),
  row('keys for what is never signed', { policy: { source: { kind: 'directory', path: 'rego' }, verify: { keys: [{ file: 'p.pem' }] } } }, 'policy.verify.keys', /as a bundle/, { files: { 'p.pem': keyFiles.open } }),
  row('a scope without keys', { policy: { source: { kind: 'bundle', url: 'https://bundles.example/p.tar.gz' }, verify: { scope: 'production' } } }, 'policy.verify.keys', /that scope/),
  maxAge('an age that denies before it alarms', { alarm: '2h', deny: '1h' }, 'deny', /at least as long as alarm/),
  maxAge('an age that is none', { alarm: '0s' }, 'alarm', /duration/),
  git('a repository without branch, tag or commit', {}, 'branch', /branch/),
  git('a branch and a tag', { branch: 'main', tag: 'v1' }, 'tag', /either branch or tag/),
  git('a repository over plain http', { url: 'http://git.example/p.git', branch: 'main' }, 'url', /https/),
  git('a repository that is an option', { url: '--upload-pack=touch /tmp/x', branch: 'main' }, 'url', /https/),
  git('a repository of another transport', { url: 'ext::sh -c touch% /tmp/x', branch: 'main' }, 'url', /https/),
  git('a host that is an option', { url: 'ssh://-oProxyCommand=touch/x', branch: 'main', ...deployKey }, 'url', /ssh/),
  git('a host of the short form that is an option', { url: 'git@-oProxyCommand=touch:x', branch: 'main', ...deployKey }, 'url', /ssh/),
  git('a password in the address of a repository', { url: 'https://u:p@git.example/p.git', branch: 'main' }, 'url', /without a password/),
  git('a branch that is an option', { branch: '--upload-pack=x' }, 'branch', /name of a branch/),
  git('a branch that is a range', { branch: 'a..b' }, 'branch', /name of a branch/),
  git('a branch that is a pattern', { branch: 'feature/*' }, 'branch', /name of a branch/),
  git('a short commit', { commit: 'abc1234' }, 'commit', /full/),
  git('a folder that leads out', { branch: 'main', path: '../other' }, 'path', /folder/),
  git('ssh without known hosts', { url: 'git@git.example:p.git', branch: 'main', credentials: { kind: 'deploy_key', key_from: { file: 'store.key' } } }, 'credentials.known_hosts', /./),
  git('ssh without a key', { url: 'git@git.example:p.git', branch: 'main' }, 'credentials', /deploy_key/),
  git('known hosts that are not there', { url: 'git@git.example:p.git', branch: 'main', credentials: { kind: 'deploy_key', key_from: { file: 'store.key' }, known_hosts: { file: 'nowhere' } } }, 'credentials.known_hosts.file', /readable/),
  git('a deploy key for https', { branch: 'main', ...deployKey }, 'credentials', /token/),
  git('a repository asked without pause', { branch: 'main', poll: '10ms' }, 'poll', /from 1s/),
  git('a webhook without secret', { branch: 'main', webhook: {} }, 'webhook.secret_from', /env/),
  git('a webhook with a short secret', { branch: 'main', webhook: { secret_from: { env: 'WEBHOOK' } } }, 'webhook.secret_from', /at least 16/, { env: { WEBHOOK: 'hunter2' } }),
  row('bundles over plain http', { policy: { source: { kind: 'bundle', url: 'http://bundles.example/b.tar.gz' } } }, 'policy.source.url', /https/),
  row('a bundle server with a password in its address', { policy: { source: { kind: 'bundle', url: 'https://u:p@bundles.example/b.tar.gz' } } }, 'policy.source.url', /without user/),
  row('a bundle server with a broken certificate', { policy: { source: { kind: 'bundle', url: 'https://bundles.example/b.tar.gz', tls: { ca: { file: 'store.key' } } } } }, 'policy.source.tls.ca.file', /PEM/),
  row('signers of commits without Git', { policy: { source: { kind: 'directory', path: 'rego' }, verify: { commits: { allowed_signers: { file: 'store.key' } } } } }, 'policy.verify.commits', /Git/),
  row('allowed signers that are not there', { policy: { source: { kind: 'git', url: 'https://git.example/p.git', branch: 'main' }, verify: { commits: { allowed_signers: { file: 'nowhere' } } } } }, 'policy.verify.commits.allowed_signers.file', /readable/),
  row('a secret from Vault that is not described', crm(bearer({ vault: 'a/b' })), 'upstreams.crm.credentials.token_from', /vault/),
  row('a secret from a Vault over plain http', crm(bearer(vault({ address: 'http://vault.example' }))), 'upstreams.crm.credentials.token_from.vault.address', /https/),
  row('a secret from a Vault that nobody opens', crm(bearer(vault({ auth: { kind: 'userpass' } }))), 'upstreams.crm.credentials.token_from.vault.auth.kind', /kubernetes/),
  row('a secret of Vault beside its path', crm(bearer(vault({ path: 'secret/../sys/raw' }))), 'upstreams.crm.credentials.token_from.vault.path', /names with/),
  row('a secret from a Vault that is not there', crm(bearer(vault({ address: 'http://127.0.0.1:9' }))), 'upstreams.crm.credentials.token_from', /answers/, { env: { VAULT: 'x' } }),
  row('a secret from AWS without region', crm(bearer({ aws_secret: { id: 'crm' } })), 'upstreams.crm.credentials.token_from.aws_secret.region', /eu-central-1/),
  row('a credential in a URL', crm({ credentials: { kind: 'query', name: 'key', value_from: { env: 'K' } } }), 'upstreams.crm.credentials.kind', /logs and histories/),
  row('tokens of nobody', crm({ credentials: { kind: 'client_credentials', client_id: 'g', client_secret_from: { env: 'K' } } }), 'upstreams.crm.credentials.issuer', /issuer or token_url/, { env: { K: 'secret' } }),
  row('tokens for a client without proof', crm({ credentials: { kind: 'client_credentials', token_url: 'https://as.example/token', client_id: 'g' } }), 'upstreams.crm.credentials.client_secret_from', /private_key_from/),
  row('tokens asked for over plain http', crm({ credentials: { kind: 'client_credentials', token_url: 'http://as.example/token', client_id: 'g', client_secret_from: { env: 'K' } } }), 'upstreams.crm.credentials.token_url', /https/, { env: { K: 'secret' } }),
  row('a key that is none', crm({ credentials: { kind: 'client_credentials', token_url: 'https://as.example/token', client_id: 'g', private_key_from: { env: 'K' } } }), 'upstreams.crm.credentials.private_key_from', /PEM/, { env: { K: 'secret' } }),
  row('accounts of people where nobody signs in', crm({ credentials: { kind: 'oauth' } }), 'upstreams.crm.credentials.kind', /identity\.providers/),
  row('tokens of people where nobody signs in', crm({ credentials: { kind: 'on_behalf_of', token_url: 'https://as.example/token', client_id: 'g', client_secret_from: { env: 'K' }, scope: 's' } }), 'upstreams.crm.credentials.kind', /identity\.providers/, { env: { K: 'secret' } }),
  row('a secret for whoever the server names', crm({ credentials: { kind: 'oauth', client_id: 'g', client_secret_from: { env: 'K' } } }), 'upstreams.crm.credentials.issuer', /given the secret/, { env: { K: 'secret' } }),
  row('a client of whoever the server names', crm({ credentials: { kind: 'oauth', client_id: 'g' } }), 'upstreams.crm.credentials.issuer', /knows the client/),
  row('half a key of AWS', crm({ credentials: { kind: 'aws_sigv4', service: 'execute-api', region: 'eu-central-1', access_key_id: 'AKIA' } }), 'upstreams.crm.credentials.secret_access_key_from', /secret_access_key_from/),
  row('a second bundle that is not there', { policy: { source: { kind: 'directory', path: 'rego' }, shadow: { source: { kind: 'directory', path: 'nowhere' } } } }, 'policy.shadow.source.path', /directory/),
  row('a second bundle over plain http', { policy: { source: { kind: 'directory', path: 'rego' }, shadow: { source: { kind: 'bundle', url: 'http://bundles.example/b.tar.gz' } } } }, 'policy.shadow.source.url', /https/),
  row('a second bundle with a broken certificate', { policy: { source: { kind: 'directory', path: 'rego' }, shadow: { source: { kind: 'bundle', url: 'https://bundles.example/b.tar.gz', tls: { ca: { file: 'store.key' } } } } } }, 'policy.shadow.source.tls.ca.file', /PEM/),
  row('deliveries for a second bundle', { policy: { source: { kind: 'directory', path: 'rego' }, shadow: { source: { kind: 'git', url: 'https://git.example/p.git', branch: 'next', webhook: { secret_from: { env: 'HOOK' } } } } } }, 'policy.shadow.source.webhook', /source alone/),
  row('policies that are not there', { policy: { source: { kind: 'directory', path: 'nowhere' } } }, 'policy.source.path', /directory/),
  row('tokens without signature', issuer({ algorithms: ['none'] }), 'identity.issuers[0].algorithms[0]', /RS256/),
  row('tokens with a shared key', issuer({ algorithms: ['RS256', 'HS256'] }), 'identity.issuers[0].algorithms[1]', /RS256/),
  row('no algorithm', issuer({ algorithms: [] }), 'identity.issuers[0].algorithms', /at least one/),
  row('an issuer over plain http', issuer({ issuer: 'http://issuer.example' }), 'identity.issuers[0].issuer', /https/),
  row('an issuer that is no URL', issuer({ issuer: 'accounts' }), 'identity.issuers[0].issuer', /URL/),
  row('keys over plain http', issuer({ jwks: { url: 'http://issuer.example/keys' } }), 'identity.issuers[0].jwks.url', /https/),
  row('keys that are not there', issuer({ jwks: { file: 'nowhere.json' } }), 'identity.issuers[0].jwks.file', /readable/),
  row('private keys', issuer({ jwks: { file: 'keys.json' } }), 'identity.issuers[0].jwks.file', /public keys only/, { files: { 'keys.json': JSON.stringify({ keys: [{ kty: 'EC', crv: 'P-256', x: 'a', y: 'b', d: 'c' }] }) } }),
  row('symmetric keys', issuer({ jwks: { file: 'keys.json' } }), 'identity.issuers[0].jwks.file', /public keys only/, { files: { 'keys.json': JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }] }) } }),
  row('short RSA keys', issuer({ jwks: { file: 'keys.json' } }), 'identity.issuers[0].jwks.file', /2048/, { files: { 'keys.json': JSON.stringify({ keys: [{ kty: 'RSA', n: 'A'.repeat(171), e: 'AQAB' }] }) } }),
  row('any audience', issuer({ audience: '*' }), 'identity.issuers[0].audience', /exact/),
  row('a blank audience', issuer({ audience: ' ' }), 'identity.issuers[0].audience', /exact/),
  row('more than a minute of skew', issuer({ skew: '61s' }), 'identity.issuers[0].skew', /60s/),
  row('all groups trusted', issuer({ trusted_groups: ['*'] }), 'identity.issuers[0].trusted_groups[0]', /no "all"/),
  row('the same issuer twice', { identity: { issuers: [{ name: 'a', issuer: 'https://i.example' }, { name: 'b', issuer: 'https://i.example' }] } }, 'identity.issuers[1].issuer', /once/),
  row('the same name twice', { identity: { issuers: [{ name: 'a', issuer: 'https://i.example' }, { name: 'a', issuer: 'https://j.example' }] } }, 'identity.issuers[1].name', /its own/),
  row('groups of another issuer', { identity: { issuers: [{ name: 'a', issuer: 'https://i.example' }, { name: 'b', issuer: 'https://j.example', trusted_groups: ['a:admins'] }] } }, 'identity.issuers[1].trusted_groups[0]', /this issuer/),
  row('a credential over plain http', crm({ url: 'http://10.0.0.1/mcp', ...bearer({ env: 'TOKEN' }) }), 'upstreams.crm.url', /insecure_http/, { env: { TOKEN: 'abcdefgh' } }),
  row('a password in a server\'s address', crm({ url: 'http://u:p@127.0.0.1/mcp' }), 'upstreams.crm.url', /without user/),
  row('a server that is a file', crm({ url: 'file:///etc/passwd' }), 'upstreams.crm.url', /http/),
  row('a server of two kinds', crm({ command: 'npx' }), 'upstreams.crm', /either url .* or command/),
  row('a server of no kind', { upstreams: { crm: {} } }, 'upstreams.crm', /url.*command/),
  row('a server with a name that is no part of a URL', { upstreams: { 'C/RM': { url: 'http://127.0.0.1/' } } }, 'upstreams["C/RM"]', /lower-case/),
  row('a secret where its source belongs', crm(bearer('s3cret')), 'upstreams.crm.credentials.token_from', /env/),
  row('a secret in the file', crm({ credentials: { kind: 'bearer', token: 's3cret' } }), 'upstreams.crm.credentials.token', /did you mean|one of/),
  row('an empty secret', crm(bearer({ env: 'TOKEN' })), 'upstreams.crm.credentials.token_from', /secret/, { env: { TOKEN: '\n' } }),
  row('a secret with a line break', crm(bearer({ env: 'TOKEN' })), 'upstreams.crm.credentials.token_from', /visible/, { env: { TOKEN: 'a\r\nX-Other: b' } }),
  row('a secret from a program that fails', crm(bearer({ command: ['false'] })), 'upstreams.crm.credentials.token_from', /program/),
  row('a secret from a program that is not there', crm(bearer({ command: ['nowhere-at-all'] })), 'upstreams.crm.credentials.token_from', /program/),
  row('a secret from a shell line', crm(bearer({ command: 'cat key | tr a b' })), 'upstreams.crm.credentials.token_from.command', /no shell/),
  row('a credential that would overwrite the host', crm({ credentials: { kind: 'header', name: 'Host', value_from: { env: 'X' } } }), 'upstreams.crm.credentials.name', /does not write itself/, { env: { X: 'abcdefgh' } }),
  row('a message of any size', { limits: { request: '1GiB' } }, 'limits.request', /4MiB/),
  row('no depth', { limits: { depth: 0 } }, 'limits.depth', /from 8/),
  row('a size without unit', { limits: { answer: 100 } }, 'limits.answer', /size/),
  row('metrics on the port of the gateway', { metrics: { port: 8080 } }, 'metrics.port', /its own/),
  row('a detector whose pattern backtracks', { detectors: { own: { pattern: '(a)\\1' } } }, 'detectors.own.pattern', /./),
  row('an unknown section', { upstream: {} }, 'upstream', /did you mean upstreams/),
  row('an unknown name', { listen: { prot: 80 } }, 'listen.prot', /did you mean port/),
  row('an unknown level of the log in the environment', {}, 'SALLYPORT_LOG_LEVEL', /one of/, { env: { SALLYPORT_LOG_LEVEL: 'loud' } }),
]
