// The issuers of a storm and the storm itself, in a process of their own: its parent measures others meanwhile.
import { keyFetches, startStormIssuers, storm, type StormOptions } from '../../test/campaigns/login-storm.ts'

const issuers = await startStormIssuers()
const { corp, ci } = issuers
const tell = (what: unknown) => void process.send?.(what)
process.on('message', (order: { readonly what: 'storm'; readonly options: StormOptions } | { readonly what: 'token'; readonly audience: string } | { readonly what: 'fetched' }) => {
  void (async () => {
    if (order.what === 'storm') tell(await storm(issuers, order.options))
    else if (order.what === 'token') tell(await ci.sign({ sub: 'job', aud: order.audience }))
    else tell([keyFetches(corp), keyFetches(ci)])
  })()
})
tell({ corp: { issuer: corp.issuer, client: corp.client }, ci: { issuer: ci.issuer, client: ci.client } })
