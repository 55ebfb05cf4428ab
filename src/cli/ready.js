// No TypeScript and no package: an older Node.js, or a clone without packages, could not read the sentence that says so.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const needed = '24.6'
const require = createRequire(import.meta.url)
const isThere = (name) => (require.resolve.paths(name) ?? []).some((directory) => existsSync(join(directory, name, 'package.json')))

/** Ends the process where one of these packages, or a Node.js that is new enough, is missing. */
export function refuseUnready(program, packages) {
  const refuse = (sentence) => {
    process.stderr.write(`${program}: ${sentence}\n`)
    process.exit(3)
  }
  const missing = packages.find((name) => !isThere(name))
  if (missing !== undefined) refuse(`its packages are not installed (${missing} is missing): run \`npm ci\` first${missing === 'jest' ? ', without --omit=dev' : ''}`)
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [leastMajor, leastMinor] = needed.split('.').map(Number)
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    refuse(`this is Node.js ${process.versions.node} (${process.execPath}), and ${needed} or later is needed; \`npm ci\` without --omit=dev brings it, and npx finds it`)
  }
}
