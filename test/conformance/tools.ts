import { setTimeout as after } from 'node:timers/promises'
import { png, says, text, wav, type Tool } from './fixture.ts'

/** Every kind of content, and what may come before it. */
export const tools: readonly Tool[] = [
  { name: 'test_simple_text', description: 'Answers with a line of text', run: () => says('a simple line of text') },
  { name: 'test_image_content', description: 'Answers with an image', run: () => ({ content: [{ type: 'image', data: png, mimeType: 'image/png' }] }) },
  { name: 'test_audio_content', description: 'Answers with a sound', run: () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }) },
  {
    name: 'test_embedded_resource',
    description: 'Answers with a resource in the content',
    run: () => ({ content: [{ type: 'resource', resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'embedded' } }] }),
  },
  {
    name: 'test_multiple_content_types',
    description: 'Answers with text, an image and a resource',
    run: () => ({
      content: [
        text('three kinds of content'),
        { type: 'image', data: png, mimeType: 'image/png' },
        { type: 'resource', resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' } },
      ],
    }),
  },
  {
    name: 'test_error_handling',
    description: 'Fails',
    run: () => {
      throw new Error('this tool always fails')
    },
  },
  {
    name: 'test_tool_with_logging',
    description: 'Tells three log messages before it answers',
    async run(_args, { mcpReq }) {
      for (const data of ['started', 'at work', 'done']) await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } })
      return says('logged three times')
    },
  },
  {
    // MCP 2026-07-28 server/utilities/logging: only where the request asked for a level.
    name: 'test_logging_tool',
    description: 'Logs where the request asks for it',
    async run(_args, { mcpReq }) {
      await mcpReq.log('info', 'logged on request')
      return says('logged where asked')
    },
  },
  {
    name: 'test_tool_with_progress',
    description: 'Reports progress to those who gave a token',
    async run(_args, { mcpReq }) {
      const progressToken = mcpReq._meta?.progressToken
      for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
        await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100, message: `${progress} of 100` } })
      }
      return says(`progress under ${progressToken ?? 'no token'}`)
    },
  },
  {
    // MCP 2025-11-25 basic/transports: a server may end the connection and answer when the client comes back.
    name: 'test_reconnection',
    description: 'Closes its stream and answers on the next one',
    async run(_args, { http }) {
      http?.closeSSE?.()
      await after(100)
      return says('answered after the stream was closed')
    },
  },
  { name: 'test_streaming_elicitation', description: 'Answers without asking for anything', run: () => says('nothing was asked') },
  {
    name: 'test_x_mcp_header',
    description: 'Has an argument that is mirrored in a header',
    input: {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, level: { type: 'integer' } },
    },
    run: ({ region }) => says(`region ${String(region ?? 'unknown')}`),
  },
  {
    name: 'json_schema_2020_12_tool',
    description: 'Has an input schema with much of the 2020-12 vocabulary',
    input: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: { address: { $anchor: 'addressDef', type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } } },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
    run: (args) => says(JSON.stringify(args)),
  },
  { name: 'test_trigger_tool_change', description: 'Tells that the tools changed', run: (_args, _context, { changed }) => (changed.tools(), says('told')) },
  { name: 'test_trigger_prompt_change', description: 'Tells that the prompts changed', run: (_args, _context, { changed }) => (changed.prompts(), says('told')) },
]
