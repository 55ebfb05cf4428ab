import { randomUUID } from 'node:crypto'
import { acceptedContent, CLIENT_CAPABILITIES_META_KEY, inputRequired, type ClientCapabilities, type InputRequests } from '@modelcontextprotocol/server'
import { says, type Args, type Tool } from './fixture.ts'

const nobody = { type: 'object', properties: {} } as const
const form = (properties: object, required: readonly string[] = []) => ({ type: 'object', properties, required }) as Parameters<typeof inputRequired.elicit>[0]['requestedSchema']
const askFor = (name: string, type: string, message: string) => inputRequired.elicit({ message, requestedSchema: form({ [name]: { type } }, [name]) })
const askModel = (prompt: string, maxTokens = 50) => inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: prompt } }], maxTokens })

const line = (...required: string[]) => ({ type: 'object', properties: Object.fromEntries(required.map((name) => [name, { type: 'string' }])), required })
const nonce = () => randomUUID()

/** A tool that asks once and then says what came back. */
const asksOnce = (name: string, description: string, ask: (args: Args) => InputRequests, input: Tool['input'] = nobody): Tool => ({
  name, description, input,
  run: (args, { mcpReq }) => {
    const asked = ask(args)
    const missing = Object.keys(asked).some((key) => mcpReq.inputResponses?.[key] === undefined)
    return missing ? inputRequired({ inputRequests: asked }) : says(JSON.stringify(mcpReq.inputResponses))
  },
})

const defaults = form({
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
})
const titled = [{ const: 'value1', title: 'First' }, { const: 'value2', title: 'Second' }, { const: 'value3', title: 'Third' }]
const plain = ['option1', 'option2', 'option3']
const enums = form({
  untitledSingle: { type: 'string', enum: plain },
  titledSingle: { type: 'string', oneOf: titled },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['First', 'Second', 'Third'] },
  untitledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { type: 'string', enum: plain } },
  titledMulti: { type: 'array', minItems: 1, maxItems: 3, items: { anyOf: titled } },
})

/**
 * Tools that ask the client for something. In the newer era the question is their result (MCP 2026-07-28 basic/patterns/mrtr);
 * in the older one the SDK turns the same question into a request of the server.
 */
export const askingTools: readonly Tool[] = [
  asksOnce('test_sampling', 'Asks the model of the client', ({ prompt }) => ({ answer: askModel(String(prompt), 100) }), line('prompt')),
  asksOnce('test_elicitation', 'Asks the person', ({ message }) => ({ answer: askFor('response', 'string', String(message)) }), line('message')),
  asksOnce('test_elicitation_sep1034_defaults', 'Asks with defaults of every type', () => ({ answer: inputRequired.elicit({ message: 'please check', requestedSchema: defaults }) })),
  asksOnce('test_elicitation_sep1330_enums', 'Asks with every kind of choice', () => ({ answer: inputRequired.elicit({ message: 'please choose', requestedSchema: enums }) })),
  asksOnce('test_missing_capability', 'Needs a client that can sample', () => ({ answer: askModel('say pong', 16) })),
  {
    name: 'test_input_required_result_elicitation',
    description: 'Asks for a name until there is one',
    run(_args, { mcpReq }) {
      const name = acceptedContent(mcpReq.inputResponses, 'user_name')?.['name']
      return typeof name === 'string' ? says(`Hello, ${name}`) : inputRequired({ inputRequests: { user_name: askFor('name', 'string', 'your name?') } })
    },
  },
  asksOnce('test_input_required_result_sampling', 'Asks the model of the client', () => ({ capital_question: askModel('What is the capital of France?', 100) })),
  asksOnce('test_input_required_result_list_roots', 'Asks for the roots', () => ({ client_roots: inputRequired.listRoots() })),
  {
    name: 'test_input_required_result_request_state',
    description: 'Asks for a confirmation and gives a state along',
    async run(_args, { mcpReq }, { seal }) {
      const state = mcpReq.requestState<{ tool?: string }>()
      if (acceptedContent(mcpReq.inputResponses, 'confirm') !== undefined && state?.tool === 'request_state') return says('state-ok')
      return inputRequired({ inputRequests: { confirm: askFor('ok', 'boolean', 'sure?') }, requestState: await seal({ tool: 'request_state', nonce: nonce() }) })
    },
  },
  {
    name: 'test_input_required_result_tampered_state',
    description: 'Accepts no state but its own',
    async run(_args, { mcpReq }, { seal }) {
      const state = mcpReq.requestState<{ tool?: string }>()
      if (acceptedContent(mcpReq.inputResponses, 'confirm') !== undefined && state?.tool === 'tampered_state') return says('state-ok')
      return inputRequired({ inputRequests: { confirm: askFor('ok', 'boolean', 'sure?') }, requestState: await seal({ tool: 'tampered_state', nonce: nonce() }) })
    },
  },
  {
    name: 'test_input_required_result_multiple_inputs',
    description: 'Asks for three things at once',
    async run(_args, { mcpReq }, { seal }) {
      const { user_name: name, greeting, client_roots: roots } = mcpReq.inputResponses ?? {}
      if (name !== undefined && greeting !== undefined && roots !== undefined) return says(JSON.stringify({ name, greeting, roots }))
      return inputRequired({
        inputRequests: { user_name: askFor('name', 'string', 'your name?'), greeting: askModel('greet somebody'), client_roots: inputRequired.listRoots() },
        requestState: await seal({ tool: 'multiple_inputs', nonce: nonce() }),
      })
    },
  },
  {
    name: 'test_input_required_result_multi_round',
    description: 'Asks twice, and carries the first answer in its state',
    async run(_args, { mcpReq }, { seal }) {
      const state = mcpReq.requestState<{ round?: number; name?: unknown }>()
      const given = (key: string, field: string) => acceptedContent(mcpReq.inputResponses, key)?.[field]
      if (state?.round === 2) return says(`${String(state.name)} likes ${String(given('step2', 'color'))}`)
      const [requests, next] =
        state?.round === 1
          ? [{ step2: askFor('color', 'string', 'which colour?') }, { round: 2, name: given('step1', 'name'), nonce: nonce() }]
          : [{ step1: askFor('name', 'string', 'your name?') }, { round: 1, nonce: nonce() }]
      return inputRequired({ inputRequests: requests, requestState: await seal(next) })
    },
  },
  {
    name: 'test_input_required_result_capabilities',
    description: 'Asks only for what the client declared',
    run(_args, { mcpReq }) {
      if (mcpReq.inputResponses !== undefined) return says('answered')
      const envelope: Readonly<Record<string, unknown>> = mcpReq.envelope ?? {}
      const declared = envelope[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities | undefined
      const inputRequests: InputRequests = {
        ...(declared?.elicitation === undefined ? {} : { user_name: askFor('name', 'string', 'your name?') }),
        ...(declared?.sampling === undefined ? {} : { greeting: askModel('greet somebody') }),
        ...(declared?.roots === undefined ? {} : { client_roots: inputRequired.listRoots() }),
      }
      return Object.keys(inputRequests).length === 0 ? says('nothing may be asked') : inputRequired({ inputRequests })
    },
  },
]
