import { acceptedContent, inputRequired, type GetPromptResult, type InputRequiredResult, type ServerContext } from '@modelcontextprotocol/server'
import { png, text, type Args } from './fixture.ts'

export interface Prompt {
  readonly name: string
  readonly description: string
  readonly args?: readonly string[]
  readonly messages: (args: Args, context: ServerContext) => GetPromptResult | InputRequiredResult
}

type Content = GetPromptResult['messages'][number]['content']
const user = (...content: Content[]): GetPromptResult => ({ messages: content.map((one) => ({ role: 'user', content: one })) })

export const prompts: readonly Prompt[] = [
  { name: 'test_simple_prompt', description: 'Needs nothing', messages: () => user(text('a simple prompt')) },
  { name: 'test_prompt_with_arguments', description: 'Needs two arguments', args: ['arg1', 'arg2'], messages: ({ arg1, arg2 }) => user(text(`arg1=${String(arg1)}, arg2=${String(arg2)}`)) },
  {
    name: 'test_prompt_with_embedded_resource',
    description: 'Brings a resource along',
    args: ['resourceUri'],
    messages: ({ resourceUri }) => user({ type: 'resource', resource: { uri: String(resourceUri), mimeType: 'text/plain', text: 'embedded' } }, text('look at the resource above')),
  },
  { name: 'test_prompt_with_image', description: 'Brings an image along', messages: () => user({ type: 'image', data: png, mimeType: 'image/png' }, text('look at the image above')) },
  {
    name: 'test_input_required_result_prompt',
    description: 'Asks for a context first',
    messages(_args, { mcpReq }) {
      const context = acceptedContent(mcpReq.inputResponses, 'user_context')?.['context']
      if (typeof context === 'string') return user(text(`in the context of ${context}`))
      const requestedSchema = { type: 'object', properties: { context: { type: 'string' } }, required: ['context'] } as const
      return inputRequired({ inputRequests: { user_context: inputRequired.elicit({ message: 'which context?', requestedSchema: { ...requestedSchema, required: ['context'] } }) } })
    },
  },
]
