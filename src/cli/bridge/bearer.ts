import type { SignIns } from '../session/sign-ins.ts'
import { NotLetIn, type Bearer } from './door.ts'
import type { Hidden } from './hidden.ts'

export interface BearerParts {
  readonly signIns: SignIns
  readonly gateway: string
  readonly resource: string
  /** What the environment gives, which goes first; nobody is asked then. */
  readonly given: string
  readonly tell: (text: string) => void
  readonly hidden: Hidden
}

/** Tokens of the environment, or of whoever signs in on this machine. */
export function createBearer({ signIns, gateway, resource, given, tell, hidden }: BearerParts): Bearer {
  if (given !== '') {
    const refuse = async (): Promise<string> => {
      throw new NotLetIn(`the gateway did not accept SALLYPORT_TOKEN for ${resource}`)
    }
    return { token: async (refused) => (refused === undefined ? hidden.remember(given) : refuse()), anew: refuse }
  }
  /** What somebody was asked for last, and what came of it. */
  let last = { token: '', scope: '' }
  const ask = async (refused: string, scope = ''): Promise<string> => {
    // Else a gateway that takes no token at all would have a window opened for each message.
    if (refused !== '' && refused === last.token && scope === last.scope) throw new NotLetIn(`the gateway does not accept for ${resource} the token that it has just given`)
    const done = await signIns.signIn({ gateway, resource, scope: scope === '' ? undefined : scope, unlessNewerThan: refused, tell })
    if (!done.ok) throw new NotLetIn(done.message)
    last = { token: done.token, scope }
    return hidden.remember(done.token)
  }
  return {
    async token(refused, mayAsk) {
      const held = await signIns.token(gateway, resource, refused)
      if (held.ok) return hidden.remember(held.token)
      if (held.isSignedOut !== true) throw new Error(held.message)
      if (!mayAsk) throw new NotLetIn(held.message)
      return ask(refused ?? '')
    },
    anew: ask,
  }
}
