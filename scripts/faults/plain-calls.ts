import { createSender, modernHeaders, modernText } from '../../test/campaigns/client.ts'

export interface Answered {
  readonly status: number
  readonly body: string
}
/** Calls of the tool `work` over kept-alive sockets, in the newest revision. */
export interface PlainCalls {
  work(nonce: string, pad?: string): Promise<Answered>
  close(): void
}

export function createPlainCalls(url: string, token: string): PlainCalls {
  const sender = createSender(url, token)
  let id = 0
  return {
    work: (nonce, pad) => sender.send(modernText((id += 1), 'tools/call', `"name":"work","arguments":{"nonce":${JSON.stringify(nonce)}${pad === undefined ? '' : `,"pad":${JSON.stringify(pad)}`}}`), modernHeaders('tools/call', 'work')),
    close: sender.close,
  }
}
