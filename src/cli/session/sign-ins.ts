import { messageOf } from '../../errors.ts'
import { exitCode, type ExitCode } from '../output.ts'
import { findGateway, renew, revoke, signIn, SignInFailed, type Client } from './authorize.ts'
import { createTokenStore } from './kept-tokens.ts'
import { findKeychain } from './keychain.ts'
import { alone } from './lock.ts'
import { ownDirectory, readAddress, type Environment } from './places.ts'

/** `isSignedOut` where the person has to sign in, and nothing else would help. */
export type Refused = { readonly ok: false; readonly exit: ExitCode; readonly message: string; readonly isSignedOut?: true }
export type Token = { readonly ok: true; readonly token: string } | Refused

export interface SignIn {
  readonly gateway: string
  readonly resource: string
  readonly scope?: string | undefined
  readonly isByDevice?: boolean
  /** Only where the store has nothing better than this token, which was refused, or nothing at all. */
  readonly unlessNewerThan?: string
  readonly tell: (text: string) => void
  readonly signal?: AbortSignal
}
/** What this person is signed in to, on this machine. */
export interface SignIns {
  /** Which gateway is meant, by what was typed or by what is signed in to. */
  gateway(named: string | undefined): Promise<{ readonly ok: true; readonly gateway: string } | Refused>
  /** A token that is good now, and is not the given one, which the gateway has refused. */
  token(gateway: string, resource: string, refused?: string): Promise<Token>
  /** Asks the person. Says where the tokens are kept. */
  signIn(wanted: SignIn): Promise<{ readonly ok: true; readonly keptIn: string; readonly token: string } | Refused>
  /** Gives everything back and erases it; `untold` are those that the gateway could not be told of. */
  signOut(gateway: string): Promise<{ readonly ended: readonly string[]; readonly untold: readonly string[] }>
}

export const apiOf = (gateway: string): string => `${gateway}/api/v1`
export const serverOf = (gateway: string, upstream: string): string => `${gateway}/mcp/${upstream}`

/** A token that runs out on its way is refused there. */
const ahead = 30_000
const renewalMayTake = 40_000
const personMayTake = 11 * 60_000

const refuse = (message: string, exit: ExitCode = exitCode.failed): Refused => ({ ok: false, exit, message })

export function openSignIns(env: Environment): SignIns {
  const directory = ownDirectory(env)
  const store = createTokenStore(directory, findKeychain(env))
  const clients = new Map<string, Client>()
  const clientOf = async (gateway: string): Promise<Client> => {
    const client = clients.get(gateway) ?? (await findGateway(gateway))
    clients.set(gateway, client)
    return client
  }
  const isGood = (found: { readonly access_token: string; readonly expires_at: number }, refused: string | undefined): boolean => found.access_token !== refused && found.expires_at > Date.now() + ahead
  const told = (fault: unknown): Refused => refuse(messageOf(fault))
  const signInFirst = (gateway: string): Refused => ({ ...refuse(`you are not signed in to ${gateway}: run \`sallyport login --url ${gateway}\`, or set SALLYPORT_TOKEN`, exitCode.misuse), isSignedOut: true })

  async function renewed(gateway: string, resource: string, refused: string | undefined): Promise<Token> {
    // Whoever was first has it by now: a refresh token is good once, and whoever brings it twice loses everything.
    const found = await store.read(gateway, resource)
    if (found === undefined) return signInFirst(gateway)
    if (isGood(found, refused)) return { ok: true, token: found.access_token }
    try {
      if (found.refresh_token === undefined) throw new SignInFailed('what you signed in for has ended', { isOver: true })
      const fresh = await renew(await clientOf(gateway), found.refresh_token, resource)
      await store.put(gateway, resource, { ...(found.scope === undefined ? {} : { scope: found.scope }), ...fresh })
      return { ok: true, token: fresh.access_token }
    } catch (fault) {
      if (!(fault instanceof SignInFailed) || !fault.isOver) throw fault
      await store.forget(gateway, resource)
      return { ...refuse(`${fault.message}: run \`sallyport login --url ${gateway}\``), isSignedOut: true }
    }
  }

  return {
    async gateway(named) {
      if (named !== undefined && named !== '') {
        const read = readAddress(named, 'the address of the gateway')
        return read.ok ? read : refuse(read.message, exitCode.misuse)
      }
      try {
        const all = await store.gateways()
        if (all.length === 1) return { ok: true, gateway: all[0] ?? '' }
        return refuse(all.length === 0 ? 'no gateway is named: set SALLYPORT_URL, such as https://gateway.example, or run `sallyport login --url URL`' : `you are signed in to ${all.join(' and ')}: say which by SALLYPORT_URL`, exitCode.misuse)
      } catch (fault) {
        return told(fault)
      }
    },
    async token(gateway, resource, refused) {
      try {
        const found = await store.read(gateway, resource)
        if (found === undefined) return signInFirst(gateway)
        if (isGood(found, refused)) return { ok: true, token: found.access_token }
        return await alone(store.lockOf(gateway, 'tokens'), renewalMayTake, () => renewed(gateway, resource, refused))
      } catch (fault) {
        return told(fault)
      }
    },
    async signIn({ gateway, resource, scope, isByDevice = false, unlessNewerThan, tell, signal }) {
      try {
        // One window at a time: programs that start together may want the same.
        return await alone(store.lockOf(gateway, 'sign-in'), personMayTake, async () => {
          const before = unlessNewerThan === undefined ? undefined : await store.read(gateway, resource)
          if (before !== undefined && isGood(before, unlessNewerThan)) return { ok: true, keptIn: directory, token: before.access_token }
          const given = await signIn({ client: await clientOf(gateway), resource, scope, isByDevice, env, tell, signal })
          const keptIn = await alone(store.lockOf(gateway, 'tokens'), renewalMayTake, () => store.put(gateway, resource, given))
          return { ok: true, keptIn, token: given.access_token }
        }, signal)
      } catch (fault) {
        return told(fault)
      }
    },
    signOut: (gateway) => alone(store.lockOf(gateway, 'tokens'), renewalMayTake, async () => {
      const ended = await store.resources(gateway)
      const untold: string[] = []
      for (const resource of ended) {
        const found = await store.read(gateway, resource)
        await store.forget(gateway, resource)
        const given = found?.refresh_token ?? found?.access_token
        const isTold = given !== undefined && (await clientOf(gateway).then((client) => revoke(client, given)).then(() => true, () => false))
        if (!isTold) untold.push(resource)
      }
      return { ended, untold }
    }),
  }
}
