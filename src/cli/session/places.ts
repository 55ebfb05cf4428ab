import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { isConfidential } from '../../loopback.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const given = (value: string | undefined): string | undefined => (value === '' ? undefined : value)

/** Where the command keeps what is its own (XDG Base Directory; a relative path there is to be ignored). */
export function ownDirectory(env: Environment, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') return join(given(env['APPDATA']) ?? join(homedir(), 'AppData', 'Roaming'), 'sallyport')
  const named = given(env['XDG_CONFIG_HOME'])
  return join(named?.startsWith('/') === true ? named : join(given(env['HOME']) ?? homedir(), '.config'), 'sallyport')
}

/** One file for each gateway; its address itself may hold what a file name must not. */
export const fileOf = (directory: string, gateway: string): string => join(directory, 'gateways', `${createHash('sha256').update(gateway).digest('hex').slice(0, 32)}.json`)

export type Address = { readonly ok: true; readonly gateway: string } | { readonly ok: false; readonly message: string }

/** The address of a gateway as its own metadata spell it, from what somebody typed. */
export function readAddress(text: string, from: string): Address {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return { ok: false, message: `${from} is not an http or https URL without user and password` }
  if (!isConfidential(url)) return { ok: false, message: `${from} is neither https nor this machine: whoever is in between could read the tokens` }
  return { ok: true, gateway: `${url.origin}${url.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '')}` }
}

/** RFC 6750 section 2.1: anything else makes no header, and what refuses to make one would quote it. */
export const isBearerToken = (text: string): boolean => /^[A-Za-z0-9._~+/-]+=*$/.test(text)
