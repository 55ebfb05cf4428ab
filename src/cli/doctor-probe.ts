import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Agent, fetch, type RequestInit, type Response } from 'undici'
import type { Environment } from '../config/env.ts'
import type { UpstreamTls } from '../config/tls.ts'
import { whyUnreached } from './unreached.ts'

export type Probe = { readonly ok: true; readonly says: string } | { readonly ok: false; readonly says: string; readonly remedy: string }

const patience = 15_000
const greeting = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'sallyport doctor', version: '1' } },
}
const discovery = { jsonrpc: '2.0', id: 1, method: 'server/discover', params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} } } }

const no = (says: string, remedy: string): Probe => ({ ok: false, says, remedy })

export interface Address {
  readonly url: string
  readonly credential: { readonly header: string; readonly value: string } | undefined
  readonly tls: UpstreamTls | undefined
}

const ownHeaders = ({ credential }: Address): Record<string, string> => (credential === undefined ? {} : { [credential.header]: credential.value })

/** With the certificates by which the gateway would reach the server, and no redirect followed. */
const withAgent = async (address: Address, ask: (send: (init: RequestInit) => Promise<Response>) => Promise<Probe>): Promise<Probe> => {
  const agent = new Agent({ connect: { ...address.tls, minVersion: 'TLSv1.2', rejectUnauthorized: true } })
  try {
    return await ask(init => fetch(address.url, { redirect: 'manual', signal: AbortSignal.timeout(patience), ...init, dispatcher: agent }))
  } catch (error) {
    return no(`${address.url} cannot be reached: ${whyUnreached(error)}`, 'start the server, or correct its address or certificates')
  } finally {
    await agent.destroy()
  }
}

const refusal = (url: string, status: number, expected: string): Probe =>
  status === 401 || status === 403
    ? no(`${url} refuses the gateway's credential (status ${status})`, 'see that credentials are given and are still valid')
    : no(`${url} answers with status ${status}`, `see that the address is that of an MCP endpoint over ${expected}`)

/** Greets a server over Streamable HTTP in the legacy way, then in the modern one; the first that is understood will do. */
export const probeHttp = (address: Address): Promise<Probe> =>
  withAgent(address, async ask => {
    const { url } = address
    const send = async (method: string, headers: Record<string, string>, body?: unknown) => {
      const response = await ask({
        method,
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers, ...ownHeaders(address) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      await response.body?.cancel()
      return response
    }
    const greeted = await send('POST', {}, greeting)
    const session = greeted.headers.get('mcp-session-id')
    if (session !== null) await send('DELETE', { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }).catch(() => undefined)
    const answer = greeted.ok ? greeted : await send('POST', { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover' }, discovery)
    return answer.ok ? { ok: true, says: `${url} answers` } : refusal(url, answer.status, 'Streamable HTTP')
  })

/** Opens the stream of a server over HTTP+SSE and waits for its endpoint. */
export const probeSse = (address: Address): Promise<Probe> =>
  withAgent(address, async ask => {
    const { url } = address
    const response = await ask({ headers: { accept: 'text/event-stream', ...ownHeaders(address) } })
    if (!response.ok || response.body === null) return refusal(url, response.status, 'HTTP+SSE')
    let seen = ''
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      seen += chunk
      if (/^event: ?endpoint$/m.test(seen)) return { ok: true, says: `${url} answers` }
      if (seen.length > 64 * 1024) break
    }
    return no(`${url} names no endpoint for messages`, 'see that the address is that of a server over HTTP+SSE; for Streamable HTTP leave transport out')
  })

interface Child {
  readonly command: string
  readonly args: readonly string[]
  readonly env: { readonly [name: string]: string }
  readonly directory: string
}

// A launcher such as npx has children of its own, which would live on.
const endGroup = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // it is gone already
  }
}

/** Starts a stdio server as the gateway would, greets it and ends it. */
export const probeChild = async ({ command, args, env, directory }: Child, outer: Environment): Promise<Probe> => {
  const base = { ...(outer.PATH === undefined ? {} : { PATH: outer.PATH }), ...(outer.HOME === undefined ? {} : { HOME: outer.HOME }) }
  const child = spawn(command, [...args], { cwd: directory, env: { ...base, ...env }, shell: false, detached: true, stdio: ['pipe', 'pipe', 'ignore'] })
  const ending = new AbortController()
  const answered = async (): Promise<Probe> => {
    for await (const line of createInterface({ input: child.stdout })) {
      try {
        const message: unknown = JSON.parse(line)
        if (typeof message === 'object' && message !== null && (message as { id?: unknown }).id === 1) return { ok: true, says: `${command} answers` }
      } catch {
        // not every server keeps its first lines to the protocol
      }
    }
    return no(`${command} ended without an answer`, 'run the command by hand and read what it says')
  }
  const failed = once(child, 'error', { signal: ending.signal }).then(([error]) => no(`${command} cannot be started: ${(error as Error).message}`, 'install the program, or correct command and PATH'))
  const late = once(AbortSignal.timeout(patience), 'abort', { signal: ending.signal }).then(() => no(`${command} did not answer within ${patience / 1000} s`, 'run the command by hand and read what it says'))
  try {
    child.stdin.on('error', () => undefined) // it ended first: told by its output
    child.stdin.write(`${JSON.stringify(greeting)}\n`)
    return await Promise.race([answered(), failed, late])
  } finally {
    ending.abort()
    failed.catch(() => undefined)
    late.catch(() => undefined)
    endGroup(child.pid)
  }
}
