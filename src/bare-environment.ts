/**
 * For threads and processes of ours that need nothing of the environment, and least of all its secrets: only where compiled code is kept, which Node reads itself.
 * Without it each of them reads and translates its source anew, which takes a thread that judges longer than all else it does before its first judgement.
 */
export function bareEnvironment(): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE: kept } = process.env
  return kept === undefined ? {} : { NODE_COMPILE_CACHE: kept }
}
