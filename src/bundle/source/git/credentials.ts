import { chmod, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a repository wants to see. Holds secrets: never print it. */
export type GitCredentials =
  | { readonly kind: 'token'; readonly username: string; readonly token: string }
  | { readonly kind: 'deploy_key'; readonly key: string; readonly knownHosts: string }

/** What must not stand in a text for people. */
export const hiddenOf = (credentials: GitCredentials | undefined): readonly string[] => {
  if (credentials === undefined) return []
  if (credentials.kind === 'deploy_key') return [credentials.key]
  const { username, token } = credentials
  return [token, encodeURIComponent(token), Buffer.from(`${username}:${token}`).toString('base64')]
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

// Nothing of the account's own ssh configuration, agent or known hosts; nothing is asked, nothing is learnt.
const sshOptions = [
  'BatchMode=yes', 'IdentitiesOnly=yes', 'IdentityAgent=none', 'StrictHostKeyChecking=yes', 'GlobalKnownHostsFile=/dev/null', 'UpdateHostKeys=no', 'PreferredAuthentications=publickey',
  'ForwardAgent=no', 'ClearAllForwardings=yes', 'PermitLocalCommand=no', 'ControlMaster=no', 'ControlPath=none', 'ConnectTimeout=15', 'ServerAliveInterval=10', 'ServerAliveCountMax=3',
]

const sshVariables = async (home: string, { key, knownHosts }: Extract<GitCredentials, { kind: 'deploy_key' }>): Promise<Record<string, string>> => {
  const [keyFile, hostsFile] = [join(home, 'key'), join(home, 'known_hosts')]
  // Reading a secret takes its last line break away, without which ssh knows no key.
  await writeFile(keyFile, `${key}\n`, { mode: 0o600, flag: 'wx' })
  await copyFile(knownHosts, hostsFile)
  await chmod(hostsFile, 0o600)
  const options = [...sshOptions, `UserKnownHostsFile="${hostsFile}"`]
  // git has a shell read this line, so everything in it is ours and quoted.
  return { GIT_SSH_COMMAND: ['ssh', '-F', '/dev/null', '-i', keyFile, ...options.flatMap((one) => ['-o', one])].map(quote).join(' '), GIT_SSH_VARIANT: 'ssh' }
}

/** By a variable, which other users cannot see: arguments they can. */
const tokenVariables = (url: string, { username, token }: Extract<GitCredentials, { kind: 'token' }>): Record<string, string> => ({
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: `http.${new URL(url).origin}/.extraHeader`,
  GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`,
})

/** Lends a private directory, and the variables that carry the credentials, to one use; afterwards nothing of them is left. */
export const withCredentials = async <T>(url: string, credentials: GitCredentials | undefined, use: (home: string, secrets: Readonly<Record<string, string>>) => Promise<T>): Promise<T> => {
  const home = await mkdtemp(join(tmpdir(), 'sallyport-git-')) // 0700
  try {
    const secrets = credentials === undefined ? {} : credentials.kind === 'token' ? tokenVariables(url, credentials) : await sshVariables(home, credentials)
    return await use(home, secrets)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
