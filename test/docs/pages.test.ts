import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => join('docs', file))]

/** As GitHub makes them. */
const anchorsOf = (page: string): ReadonlySet<string> =>
  new Set([...read(page).replace(/```[\s\S]*?```/g, '').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => (heading ?? '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replace(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-')))

test.each(pages)('every link of %s to another page leads somewhere', (page) => {
  const dead = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '').filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : normalize(join(dirname(page), path))
    return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).has(anchor))
  })
  expect(dead).toEqual([])
})

test('every page is reached from the README', () => {
  const reached = new Set(['README.md'])
  for (const page of reached) for (const [, link] of read(page).matchAll(/\]\((?![a-z]+:)([^)\s#]+\.md)/g)) reached.add(normalize(join(dirname(page), link ?? '')))
  expect(pages.filter((page) => !reached.has(page))).toEqual([])
})

test('every metric is explained to operators', () => {
  const metrics = new Set(readdirSync(join(root, 'src/metrics')).flatMap((file) => read(`src/metrics/${file}`).match(/\bsallyport_\w+/g) ?? []))
  expect(metrics.size).toBeGreaterThan(30)
  const explained = read('docs/operating.md')
  expect([...metrics].filter((metric) => !new RegExp(`\\b${metric}\\b`).test(explained))).toEqual([])
})

test('every room of the source is on its map', () => {
  const map = read('docs/architecture.md')
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter(({ name }) => !name.endsWith('.d.ts')).map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
  expect(rooms.filter((room) => !map.includes(`\`${room}\``))).toEqual([])
})
