import { spawn } from 'node:child_process'
import type { Environment } from './places.ts'

/** How each platform opens an address: one argument, and no shell to read it. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['/usr/bin/open'],
  win32: ['rundll32.exe', 'url.dll,FileProtocolHandler'],
}
const usual = ['xdg-open'] as const

/** Whether somebody sits in front of this machine, as far as can be told. */
export const hasScreen = (env: Environment, platform: NodeJS.Platform = process.platform): boolean =>
  platform === 'darwin' || platform === 'win32' ? (env['SSH_CONNECTION'] ?? '') === '' : (env['DISPLAY'] ?? '') !== '' || (env['WAYLAND_DISPLAY'] ?? '') !== ''

/** The address comes from a server: nothing but http and https is opened. False where it could not be. */
export function openBrowser(url: URL, env: Environment, platform: NodeJS.Platform = process.platform): Promise<boolean> {
  if (!/^https?:$/.test(url.protocol)) return Promise.resolve(false)
  const [program, ...args] = openers[platform] ?? usual
  return new Promise((resolve) => {
    const child = spawn(program, [...args, url.href], { env: { ...env }, shell: false, detached: true, stdio: 'ignore' })
    child.once('error', () => resolve(false))
    child.once('spawn', () => resolve(true))
    child.unref()
  })
}
