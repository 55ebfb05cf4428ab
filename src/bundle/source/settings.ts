import { z } from 'zod'
import { duration, path, secret, tls, url } from '../../fields.ts'
import { isConfidential } from '../../loopback.ts'

/** How the address of a repository is spelt, or undefined where it may not be used. No part may begin with `-`: programs would take it for an option. */
export const transportOf = (address: string): 'https' | 'ssh' | 'file' | undefined => {
  if (/[\s\0-\x1f\x7f\\]/.test(address)) return undefined
  if (/^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:(?!-|\/\/)[^:]+$/.test(address)) return 'ssh'
  if (/^ssh:\/\/(?:[A-Za-z0-9_][\w.-]*@)?(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?\/(?!-).+$/.test(address)) return 'ssh'
  if (/^file:\/\/\/(?!\/).+$/.test(address)) return 'file'
  const parsed = /^https?:\/\/[^@?#]+$/i.test(address) ? URL.parse(address) : null
  return parsed !== null && isConfidential(parsed) ? 'https' : undefined
}

/** A ref's own name as `git check-ref-format` wants it; HEAD and what looks like a commit are other things. */
const refName = (what: string) => z.string({ error: what })
  .refine(value => value.length <= 250 && /^(?![-./])(?!HEAD$)[^\0-\x20\x7f~^:?*[\\]+$/.test(value) && !/\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$/.test(value), { error: what })

const folder = z.string({ error: 'a folder of the repository, such as policies/production' })
  .refine(value => value.length <= 1000 && !value.startsWith('-') && !/[\0-\x1f\x7f\\:]/.test(value) && value.split('/').every(part => part !== '' && part !== '.' && part !== '..'), { error: 'a folder of the repository, such as policies/production' })

const poll = duration('1s', '1d').prefault('1m')

const directory = z.strictObject({
  kind: z.literal('directory'),
  path: path('a directory with Rego files').meta({ description: 'A directory of Rego and data files. It is watched: a change that builds becomes active without a restart, one that does not leaves the old bundle active. Whoever can write to it writes policy.' }),
})

const git = z.strictObject({
  kind: z.literal('git'),
  url: z.string({ error: 'the address of a repository' })
    .refine(value => transportOf(value) !== undefined, { error: 'https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or file:///PATH, without a password' })
    .meta({ description: 'The repository, over https or ssh, or `file:///…`. The system\'s `git` fetches it. Whoever can push to it writes policy, unless `policy.verify.commits` is set.' }),
  branch: refName('the name of a branch').optional().meta({ description: 'The branch to follow. One of `branch`, `tag` and `commit` is needed.' }),
  tag: refName('the name of a tag').optional().meta({ description: 'The tag to follow.' }),
  commit: z.string({ error: 'a full commit id' }).regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, { error: 'a full commit id' }).optional().meta({ description: 'The one commit to use.' }),
  path: folder.optional().meta({ description: 'The folder of the repository that holds the policies. Default: all of it.' }),
  poll: poll.meta({ description: 'How often the repository is asked for something new, give or take a tenth.' }),
  credentials: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('token'),
      username: z.string({ error: 'a user name without a colon' }).refine(value => value !== '' && !/[:\0-\x1f\x7f]/.test(value), { error: 'a user name without a colon' }).default('git').meta({ description: 'The user that the token belongs to, where the host wants a certain one.' }),
      token_from: secret().meta({ description: 'A token for https that can read the repository.' }),
    }),
    z.strictObject({
      kind: z.literal('deploy_key'),
      key_from: secret().meta({ description: 'A private key for ssh, without a passphrase.' }),
      known_hosts: z.strictObject({ file: path('a known_hosts file') }).meta({ description: 'The keys by which the host is known, as `ssh-keyscan` prints them. No other host is spoken to.' }),
    }),
  ]).optional().meta({ description: 'What the repository wants to see.' }),
  ca: z.strictObject({ file: path('a file with certificates') }).optional()
    .meta({ description: 'The certificates, as PEM, of the authorities by which a host over https is verified, in place of the public ones.' }),
  webhook: z.strictObject({
    secret_from: secret().meta({ description: 'The secret that the Git host signs its deliveries with. They go to `/api/v1/policy/webhook` and make the gateway look at once.' }),
  }).optional(),
}).superRefine((git, context) => {
  const issue = (at: string, message: string): void => context.addIssue({ code: 'custom', path: [at], input: undefined, message })
  const named = (['branch', 'tag', 'commit'] as const).filter(name => git[name] !== undefined)
  if (named.length === 0) issue('branch', 'a branch, a tag or a commit')
  for (const other of named.slice(1)) issue(other, `either ${named[0]} or ${other}`)
  const transport = transportOf(git.url)
  if (transport === 'ssh' && git.credentials?.kind !== 'deploy_key') issue('credentials', 'kind deploy_key with key_from and known_hosts, because the repository is reached over ssh')
  if (transport === 'https' && git.credentials?.kind === 'deploy_key') issue('credentials', 'kind token, because the repository is reached over https')
  if (git.ca !== undefined && !/^https:/i.test(git.url)) issue('ca', 'nothing, or an https address')
  if (transport === 'file' && git.credentials !== undefined) issue('credentials', 'nothing, because the repository is on this machine')
})

const bundleUrl = 'an https URL (http on loopback) without user, password and fragment, or file:///PATH'
const bundle = z.strictObject({
  kind: z.literal('bundle'),
  url: z.union([
    url().refine(value => !URL.canParse(value) || isConfidential(new URL(value))),
    z.string().regex(/^file:\/\/\/[^\0?#]+$/).refine(value => URL.canParse(value)),
  ], { error: bundleUrl }).meta({ title: bundleUrl, description: 'An OPA bundle (`.tar.gz`) on a bundle server, or a file. Its Rego is checked and built anew; its `policy.wasm` is not used. Whoever can write it writes policy, unless `policy.verify.keys` is set.' }),
  poll: poll.meta({ description: 'How often the server is asked for something new, give or take a tenth.' }),
  wait: duration('1s', '1h').optional().meta({ description: 'Long polling: how long the server may hold a request until there is something new. Used where the server can do it.' }),
  credentials: z.strictObject({
    kind: z.literal('bearer', { error: 'bearer' }),
    token_from: secret().meta({ description: 'Sent as `Authorization: Bearer …`.' }),
  }).optional().meta({ description: 'What the server wants to see.' }),
  tls: tls().optional(),
}).superRefine((bundle, context) => {
  if (bundle.url.startsWith('file:') && bundle.credentials !== undefined) context.addIssue({ code: 'custom', path: ['credentials'], input: undefined, message: 'nothing, because the bundle is a file' })
  if (!/^https:/i.test(bundle.url) && bundle.tls !== undefined) context.addIssue({ code: 'custom', path: ['tls'], input: undefined, message: 'nothing, or an https address' })
})

export const sourceSettings = z.discriminatedUnion('kind', [directory, git, bundle]).meta({ description: 'Where the policies come from.' })
export type SourceSettings = z.output<typeof sourceSettings>
export type GitSettings = Extract<SourceSettings, { kind: 'git' }>
export type BundleSettings = Extract<SourceSettings, { kind: 'bundle' }>

/** What commits must carry, beside what `policy.verify` demands of bundles. */
export const commitsSettings = z.strictObject({
  allowed_signers: z.strictObject({ file: path('an allowed signers file') })
    .meta({ description: 'Who may sign commits, in the form of `ssh-keygen`: `PRINCIPAL namespaces="git" KEY` on each line.' }),
}).meta({ description: 'For a Git source: the commit that is to become active must carry an SSH signature of one of these signers, over everything in it.' })
