// Loaded into a gateway before its own code: on SIGUSR2 it collects its garbage and writes what is left to the file SALLYPORT_LOOK.
import { writeFileSync, renameSync } from 'node:fs'
import v8 from 'node:v8'
import vm from 'node:vm'

const file = process.env['SALLYPORT_LOOK'] ?? ''
v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

process.on('SIGUSR2', () => {
  collect()
  collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  const resources: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  writeFileSync(`${file}.new`, JSON.stringify({ heapUsed, external, rss, resources }))
  renameSync(`${file}.new`, file)
})
