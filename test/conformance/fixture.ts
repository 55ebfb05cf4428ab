import type { CallToolResult, InputRequiredResult, ServerContext } from '@modelcontextprotocol/server'

/** What a tool or prompt of the fixture needs beside its own request. */
export interface World {
  /** Seals a state that goes through the client; what comes back is verified before a tool runs. */
  readonly seal: (state: Record<string, unknown>) => Promise<string>
  /** Tells every open `subscriptions/listen` stream. */
  readonly changed: { readonly tools: () => void; readonly prompts: () => void }
}

export type Args = Readonly<Record<string, unknown>>
export type ToolAnswer = CallToolResult | InputRequiredResult

export interface Tool {
  readonly name: string
  readonly description: string
  /** A JSON schema as it shall be listed; none means no arguments. */
  readonly input?: Readonly<Record<string, unknown>>
  readonly run: (args: Args, context: ServerContext, world: World) => ToolAnswer | Promise<ToolAnswer>
}

export const text = (value: string) => ({ type: 'text', text: value }) as const
export const says = (value: string): CallToolResult => ({ content: [text(value)] })

/** One red pixel. */
export const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
/** A WAV head and one silent sample. */
export const wav = wavOf([0])

function wavOf(samples: readonly number[]): string {
  const size = samples.length * 2
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + size, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(8000, 24)
  head.writeUInt32LE(16_000, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36)
  head.writeUInt32LE(size, 40)
  return Buffer.concat([head, Buffer.from(Int16Array.from(samples).buffer)]).toString('base64')
}
