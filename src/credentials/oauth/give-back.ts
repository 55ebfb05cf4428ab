import * as openid from 'openid-client'
import type { Known } from './client.ts'
import type { Tokens } from './tokens.ts'

/** RFC 7009; false where the authorization server takes nothing back, or it is another one by now. */
export async function giveBack({ server, client }: Known, { access, refresh, issuer }: Tokens): Promise<boolean> {
  if (client.serverMetadata().revocation_endpoint === undefined || server.issuer !== issuer) return false
  if (refresh !== undefined) await openid.tokenRevocation(client, refresh, { token_type_hint: 'refresh_token' })
  await openid.tokenRevocation(client, access, { token_type_hint: 'access_token' })
  return true
}
