/**
 * The command `sallyport` itself, a client that every gateway knows (`sallyport login`, `sallyport connect`). It keeps no secret, and
 * whoever listens on loopback can use its id, so people are asked each time (RFC 8252 section 8.6).
 */
export const commandClient = { client_id: 'sallyport-cli', name: 'the command sallyport', grants: ['authorization_code', 'device_code'], redirect_uris: ['http://127.0.0.1/callback'], groups: [] } as const
