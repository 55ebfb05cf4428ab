import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2, type OAuthClientProvider } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js'
import { createPersonBrowser } from '../support/person-browser.ts'
import { agree, redirect } from './world.ts'

/** What a program keeps for the SDK; its person says yes to whatever they are asked. */
export function signingIn(browser = createPersonBrowser()) {
  const kept = new Map<string, unknown>()
  const asked: URL[] = []
  let back: URL | undefined
  const provider: OAuthClientProvider = {
    redirectUrl: redirect,
    clientMetadata: { client_name: 'A program', redirect_uris: [redirect], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' },
    clientInformation: () => kept.get('client') as ReturnType<OAuthClientProvider['clientInformation']>,
    saveClientInformation: (client) => void kept.set('client', client),
    tokens: () => kept.get('tokens') as ReturnType<OAuthClientProvider['tokens']>,
    saveTokens: (tokens) => void kept.set('tokens', tokens),
    saveCodeVerifier: (verifier) => void kept.set('verifier', verifier),
    codeVerifier: () => String(kept.get('verifier')),
    saveDiscoveryState: (state) => void kept.set('discovery', state),
    discoveryState: () => kept.get('discovery') as Awaited<ReturnType<NonNullable<OAuthClientProvider['discoveryState']>>>,
    async redirectToAuthorization(url) {
      asked.push(url)
      back = await agree(url.href, browser)
    },
  }
  return { provider, asked, kept, answer: () => back?.searchParams ?? new URLSearchParams() }
}

export interface SignedInClient {
  tools(): Promise<readonly string[]>
  call(name: string): Promise<unknown>
  close(): Promise<void>
}
/** A client of the SDK that is given the address of a server, and nothing else. */
export type Open = (url: URL, own: ReturnType<typeof signingIn>) => Promise<SignedInClient>

const about = { name: 'a-program', version: '1.0.0' }

export const openV1: Open = async (url, { provider, answer }) => {
  const connect = async () => {
    // The SDK's own transport has optional members that its interface spells without `undefined`; so has its provider.
    const transport = new HttpV1(url, { authProvider: provider as never }) as HttpV1 & TransportV1
    const client = new ClientV1(about)
    const failed = await client.connect(transport).then(() => undefined, (error: unknown) => error)
    return { client, transport, failed }
  }
  const first = await connect()
  if (first.failed === undefined) throw new Error('it got in without signing in')
  await first.transport.finishAuth(answer().get('code') ?? '')
  const { client, failed } = await connect()
  if (failed !== undefined) throw failed
  return { tools: async () => (await client.listTools()).tools.map(({ name }) => name), call: (name) => client.callTool({ name, arguments: {} }), close: () => client.close() }
}

export const openV2: Open = async (url, { provider, answer }) => {
  const connect = async () => {
    const transport = new HttpV2(url, { authProvider: provider })
    const client = new ClientV2(about)
    const failed = await client.connect(transport).then(() => undefined, (error: unknown) => error)
    return { client, transport, failed }
  }
  const first = await connect()
  if (first.failed === undefined) throw new Error('it got in without signing in')
  await first.transport.finishAuth(answer())
  const { client, transport, failed } = await connect()
  if (failed !== undefined) throw failed
  return {
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    async call(name) {
      const before = client.callTool({ name, arguments: {} })
      return before.catch(async () => {
        await transport.finishAuth(answer())
        return client.callTool({ name, arguments: {} })
      })
    },
    close: () => client.close(),
  }
}
