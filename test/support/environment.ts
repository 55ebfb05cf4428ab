import { rmSync } from 'node:fs'
import { TestEnvironment } from 'jest-environment-node'
import { keepOpa, type KeptOpa } from './kept-opa.ts'

// All is closed when a process of Jest's comes to its end. To take its many contexts and modules apart after that takes longer than the half
// second in which Jest takes it for stuck.
if (process.send !== undefined) process.once('exit', () => process.exit())

type Arguments = ConstructorParameters<typeof TestEnvironment>

/** One for all suites that a process of Jest's runs. */
const opa: KeptOpa = keepOpa()

/** A suite that looks at OPA's processes themselves has `@opa own` in its first comment. */
export default class extends TestEnvironment {
  readonly #directories: string[] = []

  constructor(...args: Arguments) {
    super(...args)
    if (args[1].docblockPragmas['opa'] !== 'own') this.global['keptOpa'] = opa
    this.global['storeDirectories'] = this.#directories
  }

  override async teardown(): Promise<void> {
    await super.teardown()
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true })
  }
}
