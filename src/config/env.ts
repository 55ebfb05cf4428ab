/** Every variable of the environment that the product itself reads. Secrets are read where `…_from: { env: NAME }` names them. */
export const variables = {
  SALLYPORT_CONFIG: 'The configuration file, where `--config` is not given. Default: `./sallyport.yaml`.',
  SALLYPORT_LOG_LEVEL: 'Takes the place of `logging.level`.',
  SALLYPORT_URL: 'The gateway that `sessions`, `approvals` and the other commands talk to. Default: the one that `sallyport login` signed in to.',
  SALLYPORT_TOKEN: 'The bearer token they present, in place of what `sallyport login` keeps; its audience is `<public_url>/api/v1`, for `connect` that of the server.',
} as const

export type Environment = Readonly<Record<string, string | undefined>>

const given = (value: string | undefined): string | undefined => (value === '' ? undefined : value)

export const readEnvironment = (env: Environment) => ({
  config: given(env.SALLYPORT_CONFIG),
  logLevel: given(env.SALLYPORT_LOG_LEVEL),
})
