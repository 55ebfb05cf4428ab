import type { ReadResourceResult } from '@modelcontextprotocol/server'
import { png } from './fixture.ts'

export interface Resource {
  readonly name: string
  readonly uri: string
  readonly mimeType: string
  readonly contents: Readonly<{ text: string } | { blob: string }>
}

export const resources: readonly Resource[] = [
  { name: 'static-text', uri: 'test://static-text', mimeType: 'text/plain', contents: { text: 'a text that never changes' } },
  { name: 'static-binary', uri: 'test://static-binary', mimeType: 'image/png', contents: { blob: png } },
  { name: 'watched-resource', uri: 'test://watched-resource', mimeType: 'text/plain', contents: { text: 'a text to subscribe to' } },
]

export const template = { name: 'template', uriTemplate: 'test://template/{id}/data', mimeType: 'application/json' }

export const readTemplate = (uri: string, id: unknown): ReadResourceResult => ({
  contents: [{ uri, mimeType: template.mimeType, text: JSON.stringify({ id, templateTest: true, data: `the data of ${String(id)}` }) }],
})
