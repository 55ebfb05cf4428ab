import type { SignIns } from '../session/sign-ins.ts'
import { NotLetIn, type Bearer } from './door.ts'

export interface BearerParts {
  readonly signIns: SignIns
  readonly gateway: string
  readonly resource: string
  /** What the environment gives, which goes first; nobody is asked then. */
  readonly given: string
  readonly tell: (text: string) => void
}

/** Tokens of the environment, or of whoever signs in on this machine. */
export function createBearer({ signIns, gateway, resource, given, tell }: BearerParts): Bearer {
  if (given !== '') {
    const refuse = async (): Promise<string> => {
      throw new NotLetIn(`the gateway did not accept SALLYPORT_TOKEN for ${resource}`)
    }
    return { token: async (refused) => (refused === undefined ? given : refuse()), anew: refuse }
  }
  const ask = async (refused: string, scope: string | undefined): Promise<string> => {
    const done = await signIns.signIn({ gateway, resource, scope, unlessNewerThan: refused, tell })
    if (!done.ok) throw new NotLetIn(done.message)
    return done.token
  }
  return {
    async token(refused, mayAsk) {
      const held = await signIns.token(gateway, resource, refused)
      if (held.ok) return held.token
      if (held.isSignedOut !== true) throw new Error(held.message)
      if (!mayAsk) throw new NotLetIn(held.message)
      return ask(refused ?? '', undefined)
    },
    anew: ask,
  }
}
