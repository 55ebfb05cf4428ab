import { z } from 'zod'
import { duration, size, text, url, whole } from '../fields.ts'

// What belongs to the whole gateway and to no room.

export const listenSettings = z.strictObject({
  host: text('the address to listen on').refine(value => /^(?:[A-Za-z0-9.-]+|[0-9A-Fa-f:.%a-z]+)$/.test(value), { error: 'an IP address or a host name' })
    .default('127.0.0.1').meta({ description: 'The address to listen on.' }),
  port: whole(0, 65535).default(8080).meta({ description: 'The port. 0 takes a free one.' }),
  insecure_http: z.boolean({ error: 'true or false' }).default(false)
    .meta({ description: 'Weakens safety: allows a public_url that is plain http although others can read what is sent there.' }),
})

export const publicUrl = url('an http or https URL without path, query and fragment')
  .refine(value => /^https?:\/\/[^/?#]+\/?$/i.test(value), { error: 'an http or https URL without path, query and fragment' })
  .transform(value => new URL(value).origin)

const host = z.string({ error: 'a host name or address, with its port where it has one' })
  .regex(/^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/, { error: 'one exact host name or address, with its port where it has one; there are no wildcards' })
  .transform(value => value.toLowerCase())
export const allowedHosts = z.array(host, { error: 'a list of hosts' }).min(1, { error: 'at least one host' })

const origin = z.string({ error: 'an origin such as https://console.example' })
  .refine(value => URL.canParse(value) && new URL(value).origin === value.toLowerCase() && /^https?:/i.test(value) && !value.includes('*'), {
    error: 'one exact origin such as https://console.example; there are no wildcards',
  })
  .transform(value => value.toLowerCase())
export const allowedOrigins = z.array(origin, { error: 'a list of origins' })

export const limitSettings = z.strictObject({
  request: size('1KiB', '4MiB').prefault('1MiB').meta({ description: 'Largest message of a client.' }),
  answer: size('1KiB', '32MiB').prefault('4MiB').meta({ description: 'Largest answer or event of a server.' }),
  depth: whole(8, 256).default(64).meta({ description: 'How deep a message may be nested.' }),
  connections: whole(10, 1_000_000).default(10_000).meta({ description: 'Open connections of clients in all; more are closed at once.' }),
  calls_per_person: whole(1, 100_000).default(256).meta({ description: 'Requests of one caller that run at once, open subscriptions included. Up to four times as many wait their turn, for half a minute; more are refused.' }),
  sessions: whole(1, 100_000).default(5000).meta({ description: 'Open client sessions in all.' }),
  sessions_per_person: whole(1, 10_000).default(100).meta({ description: 'Open client sessions of one caller.' }),
  children: whole(1, 10_000).default(64).meta({ description: 'Running stdio servers in all.' }),
  children_per_person: whole(1, 1000).default(8).meta({ description: 'Running stdio servers of one caller.' }),
  upstream_wait: duration('1s', '1h').prefault('5m').meta({ description: 'How long a server may take to begin its answer.' }),
  upstream_idle: duration('1s', '24h').prefault('1h').meta({ description: 'How long a server may work on a call without sending a whole message. What only keeps a connection open does not count.' }),
  client_stall: duration('1s', '10m').prefault('20s').meta({ description: 'How long a client may take nothing of what waits for it; at most twice as long, and its connection is closed.' }),
})

export const metricsSettings = z.strictObject({
  host: text('the address to listen on').default('127.0.0.1').meta({ description: 'The address on which `/metrics` has a port of its own.' }),
  port: whole(0, 65535).meta({ description: 'That port. Without this section `/metrics` is on the main port, for loopback or with a token.' }),
})

export const logLevels = ['error', 'warn', 'info', 'debug'] as const
export const loggingSettings = z.strictObject({
  level: z.enum(logLevels, { error: `one of ${logLevels.join(', ')}` }).default('info').meta({ description: 'The least important line that is written.' }),
})

export const secretsSettings = z.strictObject({
  refresh: duration('1s', '24h').prefault('1m').meta({ description: 'How often the secrets of servers (`upstreams.<name>.credentials` and `env`) are read again. One that a server refuses is read at once.' }),
})
