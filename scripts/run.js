// `npm run tour` and `npm test`: where a clone is not ready for them, they say so.
//   node scripts/run.js NAME …
import { refuseUnready } from '../src/cli/ready.js'

const [name] = process.argv.splice(2, 1)
refuseUnready(`npm run ${name}`, ['commander', 'jest'])
await import(`./${name}.ts`)
