import { readEnvironment, type Environment } from '../config/env.ts'
import { loadSettings, type Loaded } from '../config/load.ts'
import { showProblem, type Problem } from '../config/problem.ts'
import { printable, type Output } from './output.ts'

/** The file that `--config` names, else `SALLYPORT_CONFIG`, else `./sallyport.yaml`. */
const configFile = (given: string | undefined, env: Environment): string => given ?? readEnvironment(env).config ?? './sallyport.yaml'

export const showProblems = (file: string, problems: readonly Problem[], output: Output): void => {
  for (const problem of problems) output.note(printable(showProblem(file, problem)))
  output.note(`sallyport: ${problems.length === 1 ? 'a problem' : `${problems.length} problems`} in ${file}; nothing was started`)
}

export const load = async (given: string | undefined, env: Environment): Promise<{ readonly file: string; readonly loaded: Loaded }> => {
  const file = configFile(given, env)
  return { file, loaded: await loadSettings(file, env) }
}
