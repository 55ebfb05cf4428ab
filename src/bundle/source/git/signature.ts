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
