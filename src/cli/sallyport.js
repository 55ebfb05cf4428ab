#!/usr/bin/env node
// No TypeScript: an older Node.js could not read the sentence that it is too old.
const needed = '24.6'
const [major, minor] = process.versions.node.split('.').map(Number)
const [leastMajor, leastMinor] = needed.split('.').map(Number)
if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
  process.stderr.write(`sallyport: this is Node.js ${process.versions.node} (${process.execPath}), and ${needed} or later is needed; \`npm ci\` without --omit=dev brings it, and npx finds it\n`)
  process.exit(3)
}
await import('./main.ts')
