import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Problem } from '../../problem.ts'
import { quoted } from './problem.ts'
import { runGit } from './run.ts'
import type { GitPlace } from './run.ts'

const refuse = (code: string, message: string, remedy: string): Problem => ({ stage: 'verify', code, message, remedy })

/** Why a commit is not taken, or undefined: it must carry an SSH signature of an allowed signer. The signature covers the whole tree and all history below. */
export const findSignatureProblem = async (place: GitPlace, commit: string, allowedSigners: string, signal?: AbortSignal): Promise<Problem | undefined> => {
  // Only SSH signatures: what keys a gpg of this machine would trust is nobody's decision.
  const config = ['gpg.program=false', 'gpg.x509.program=false', 'gpg.ssh.program=ssh-keygen', `gpg.ssh.allowedSignersFile=${allowedSigners}`, 'gpg.minTrustLevel=fully']
  const verified = await runGit(place, ['verify-commit', '--raw', commit], { config, ...(signal === undefined ? {} : { signal }) })
  if (verified.ok) return undefined
  if (verified.why !== 'failed') return refuse('signature_unknown', `the signature of commit ${commit} could not be verified: ${verified.why}`, 'see that ssh-keygen is installed where the gateway runs')
  const said = quoted(verified.said)
  if (said === '') return refuse('commit_unsigned', `commit ${commit} is not signed`, 'sign it with an SSH key of policy.verify.commits.allowed_signers (`git commit -S`)')
  return refuse('commit_signer', `the signature of commit ${commit} is not one of an allowed signer: ${said}`, 'have an allowed signer sign a commit on top, or add the signer to policy.verify.commits.allowed_signers')
}

const largestCommit = 256 * 1024

/** A commit as it stands in the repository, its signature included; undefined where it cannot be had, or is larger than anybody's. */
export const readCommit = async (place: GitPlace, commit: string, signal?: AbortSignal): Promise<string | undefined> => {
  const read = await runGit(place, ['cat-file', 'commit', commit], { most: largestCommit, ...(signal === undefined ? {} : { signal }) })
  return read.ok ? read.out.toString('latin1') : undefined
}

/** The same of a commit that was kept beside what it brought, its repository wherever it may be. */
export const findKeptSignatureProblem = async (text: string, commit: string, allowedSigners: string): Promise<Problem | undefined> => {
  const home = await mkdtemp(join(tmpdir(), 'sallyport-git-')) // 0700
  try {
    const place: GitPlace = { repository: join(home, 'repository.git'), home, transport: 'file' }
    const made = await runGit(place, ['init', '--quiet', '--bare', `--object-format=${commit.length === 64 ? 'sha256' : 'sha1'}`, place.repository])
    const stored = made.ok ? await runGit(place, ['hash-object', '-t', 'commit', '-w', '--stdin'], { input: Buffer.from(text, 'latin1') }) : made
    if (!stored.ok) return refuse('signature_unknown', `the signature of commit ${commit} could not be verified: ${quoted(stored.said) || stored.why}`, 'see that git is installed where the gateway runs')
    if (stored.out.toString().trim() !== commit) return refuse('commit_signer', `what was kept is not the commit ${commit}`, 'ship a newer one')
    return await findSignatureProblem(place, commit, allowedSigners)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
