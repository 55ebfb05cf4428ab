import type { Problem } from '../../problem.ts'
import type { GitResult } from './run.ts'

export type Failure = Extract<GitResult, { ok: false }>

interface Meaning {
  readonly code: string
  readonly said: RegExp
  readonly message: string
  readonly remedy: string
}

// What this gateway, git, ssh and curl say in the C locale, in the order in which they are looked for.
const meanings: readonly Meaning[] = [
  { code: 'address_refused', said: /^may not be asked: /, message: 'the host of the repository is not asked', remedy: 'see policy.source.url' },
  { code: 'disk_full', said: /No space left on device|Disk quota exceeded|File too large/, message: 'there is no room for the copy of the repository', remedy: 'make room beside the store' },
  { code: 'repository_owner', said: /dubious ownership/, message: 'the repository on this machine is of another user, and git does not use it', remedy: 'let the user that the gateway runs as own it, or reach it over ssh or https' },
  { code: 'host_key', said: /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known/, message: 'the host does not show a key that is in known_hosts', remedy: 'see whether the host changed its key, and if so put the new one into known_hosts' },
  { code: 'credentials_refused', said: /Authentication failed|could not read (?:Username|Password)|Permission denied|returned error: 40[13]|invalid credentials|error in libcrypto|Load key/i, message: 'the host does not let the gateway in', remedy: 'see that policy.source.credentials is right, not expired, and may read the repository' },
  { code: 'ref_missing', said: /couldn't find remote ref|could not find remote ref|not our ref|unadvertised object|no such remote ref/i, message: 'the repository has no such branch, tag or commit', remedy: 'see policy.source.branch, tag or commit' },
  { code: 'repository_missing', said: /[Rr]epository .*(?:not found|does not exist)|does not appear to be a git repository|not valid: is this a git repository|returned error: 404|project you were looking for could not be found/, message: 'there is no such repository, or the gateway may not see it', remedy: 'see policy.source.url and the credentials' },
  { code: 'redirected', said: /returned error: 30\d|redirect/i, message: 'the host answers with another address', remedy: 'write the address that the repository has now into policy.source.url' },
  { code: 'certificate', said: /SSL|certificate|TLS/i, message: 'the certificate of the host is not trusted', remedy: 'see the certificate of the host' },
  { code: 'unreachable', said: /Could not resolve|Connection (?:refused|timed out|reset|closed)|Failed to connect|No route to host|unable to access|unreachable|early EOF|hung up|transfer closed|Operation too slow|Could not read from remote/i, message: 'the repository cannot be reached', remedy: 'see that the host runs and can be reached from here' },
]

/** What was printed, fit for a log: one line, no control signs, not long. Hosts may print anything. */
export const quoted = (said: string, hidden: readonly string[] = []): string => {
  const safe = hidden.reduce((text, secret) => text.replaceAll(secret, '…'), said)
  return safe.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').trim().slice(0, 300)
}

const meaningOf = (said: string): Meaning | undefined => meanings.find((one) => one.said.test(said))

/** Whether a failure can be of the copy on this machine, which can be made anew. */
export const isOfCopy = ({ why, said }: Failure): boolean => why === 'failed' && ['disk_full', undefined].includes(meaningOf(said)?.code)

/** A failed fetch as people are told of it. `hidden` never stands in it. */
export const problemOf = (failure: Failure, hidden: readonly string[] = []): Problem => {
  const problem = (code: string, message: string, remedy?: string): Problem => ({ stage: 'fetch', code, message, ...(remedy === undefined ? {} : { remedy }) })
  if (failure.why === 'not_there') return problem('git_missing', 'there is no program git', 'install git 2.31 or later where the gateway runs')
  if (failure.why === 'timeout') return problem('timeout', 'the repository did not answer in time', 'see that the host runs and can be reached from here')
  if (failure.why === 'too_large') return problem('too_large', 'the repository is larger than the gateway takes', 'keep policies in a repository of their own')
  if (failure.why === 'stopped') return problem('stopped', 'the gateway is shutting down')
  const said = quoted(failure.said, hidden)
  const meaning = meaningOf(failure.said)
  if (meaning === undefined) return problem('fetch_failed', `git failed: ${said || `status ${failure.status ?? 'unknown'}`}`)
  return problem(meaning.code, `${meaning.message}: ${said}`, meaning.remedy)
}
