import { registered, startWorld, type World } from './world.ts'

const policy = `package policies.people

allow if {
	input.actor.kind == "person"
	input.actor.provider == "corp"
	"support" in input.actor.groups
}
`
const secret = 'a-secret-of-the-confidential-client'
export const webRedirect = 'https://app.example/callback'
export const basic = { authorization: `Basic ${Buffer.from(`web-app:${secret}`).toString('base64')}` }

/** A gateway in front of a server some of whose tools want more than its first scope, and a client that registered itself. */
export async function startPeopleWorld(): Promise<World & { readonly client: string }> {
  const world = await startWorld({
    rego: { 'policies/people/people.rego': policy },
    identity: {
      clients: [
        { client_id: 'web-app', name: 'The web app', redirect_uris: [webRedirect], client_secret_from: { env: 'WEB_APP_SECRET' } },
        { client_id: 'desk', name: 'The desk', redirect_uris: ['http://127.0.0.1/callback'] },
      ],
    },
    upstreamSettings: { crm: { scopes: { write: { tools: ['delete_*'], description: 'delete customers' }, all: { tools: ['*_all'] } } } },
    env: { WEB_APP_SECRET: secret },
  })
  return { ...world, client: await registered(world.url) }
}
