// What the tests need beside npm's packages: a browser, Java, Keycloak and moto. Finds each, or brings it; says what to do where it cannot.
//   node scripts/needs.ts
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

const keycloak = { version: '26.4.7', sha256: 'aca60ab72ae4d67adc6b8fe7fca5e08d16a6bb5e4a4f2ebb54050e3f5503fd2b' }
/** Outside the checkout, so that every clone finds it. */
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sallyport-tests')

const onPath = (names: readonly string[]): string | undefined =>
  names.flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, name))).find(existsSync)

/** The browser, or undefined where there is none. */
export const chromiumPath = (): string | undefined =>
  onPath(['chromium', 'chromium-browser', 'google-chrome']) ?? ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'].find(existsSync)

/** The folder with `bin/kc.sh`. A server writes into its folder: copy what is written, or start it with a database in memory. */
export const keycloakHome = (): string => join(cache, `keycloak-${keycloak.version}`)

function installPackage(name: string, what: string): void {
  const isDebian = onPath(['apt-get']) !== undefined && process.getuid?.() === 0
  if (!isDebian) throw new Error(`${what} is needed by the tests and was not found: install it (on Debian: apt-get install ${name})`)
  say(`installing ${name}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update', '-qq'], ['install', '-qq', '-y', '--no-install-recommends', name]]) {
    const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] })
    if (status !== 0) throw new Error(`apt-get ${args.join(' ')} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  }
}

async function digestOf(file: string): Promise<string> {
  const digest = createHash('sha256')
  await pipeline(createReadStream(file), digest)
  return digest.digest('hex')
}

function run(program: string, args: readonly string[], what: string): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${what}: ${error?.message ?? `${stdout}${stderr}`.trim().split('\n').at(-1)}`)
}

/** Maven's own client fetches it, so that whatever the machine says of repositories holds. */
async function bringKeycloak(): Promise<void> {
  const home = keycloakHome()
  if (existsSync(join(home, 'bin', 'kc.sh'))) return
  if (onPath(['mvn']) === undefined) installPackage('maven', 'Maven')
  mkdirSync(cache, { recursive: true })
  const place = mkdtempSync(join(cache, 'new-'))
  try {
    say(`fetching Keycloak ${keycloak.version} (160 MB)`)
    const artifact = `org.keycloak:keycloak-quarkus-dist:${keycloak.version}:tar.gz`
    run('mvn', ['-q', '-B', 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${place}`], 'Keycloak could not be fetched')
    const file = join(place, `keycloak-quarkus-dist-${keycloak.version}.tar.gz`)
    if ((await digestOf(file)) !== keycloak.sha256) throw new Error('what was fetched is not the Keycloak that the tests know')
    run('tar', ['-xzf', file, '-C', place], 'Keycloak could not be unpacked')
    if (!existsSync(home)) renameSync(join(place, `keycloak-${keycloak.version}`), home)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** Once for all starts, which are several times as fast then. */
export function prepareKeycloak(): void {
  const done = join(keycloakHome(), 'built-for-tests')
  if (existsSync(done)) return
  run(join(keycloakHome(), 'bin', 'kc.sh'), ['build', '--db=dev-mem'], 'Keycloak could not be prepared')
  writeFileSync(done, '')
}

/** AWS for tests, from PyPI. */
const moto = '5.2.5'
const motoHome = (): string => join(cache, `moto-${moto}`)
export const motoServer = (): string => join(motoHome(), 'bin', 'moto_server')

function bringMoto(): void {
  const home = motoHome()
  if (existsSync(join(home, 'complete'))) return
  const python = onPath(['python3'])
  if (python === undefined) throw new Error('Python 3 is needed by the tests (for moto, which plays AWS) and was not found: install it')
  mkdirSync(cache, { recursive: true })
  say(`fetching moto ${moto}`)
  // Its programs name the folder they were made in: it cannot be moved into place.
  for (const [program, ...args] of [[python, '-m', 'venv', '--clear', home], [join(home, 'bin', 'pip'), 'install', '-q', '--disable-pip-version-check', `moto[server,secretsmanager]==${moto}`]] as const) {
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`moto could not be installed (on Debian, apt-get install python3-venv): ${stderr.trim().split('\n').at(-1) ?? ''}`)
  }
  writeFileSync(join(home, 'complete'), '')
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

if (import.meta.main) {
  if (chromiumPath() === undefined) installPackage('chromium', 'Chromium')
  if (onPath(['java']) === undefined) installPackage('openjdk-17-jre-headless', 'Java 17 or newer')
  bringMoto()
  await bringKeycloak()
  prepareKeycloak()
  say(`browser: ${chromiumPath()}`)
  say(`Keycloak: ${keycloakHome()}`)
}
