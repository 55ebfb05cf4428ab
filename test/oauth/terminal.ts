import { tokenRequest } from './world.ts'

// The configured client `terminal`, which comes by `device_code`.

export interface Begun {
  readonly device_code: string
  readonly user_code: string
  readonly verification_uri: string
  readonly verification_uri_complete: string
  readonly expires_in: number
}
export const beginDevice = (url: string, form: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${url}/oauth/device/authorization`, { method: 'POST', body: new URLSearchParams({ client_id: 'terminal', resource: `${url}/mcp/crm`, ...form }) })
export const begunDevice = async (url: string, form: Readonly<Record<string, string>> = {}): Promise<Begun> => (await (await beginDevice(url, form)).json()) as Begun
export const pollDevice = (url: string, code: string, client = 'terminal'): Promise<Response> =>
  tokenRequest(url, { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: code, client_id: client })
