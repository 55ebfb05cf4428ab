import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ssh2 from 'ssh2'

export interface GitHost {
  readonly port: number
  /** What was asked, in order: paths, or commands. */
  readonly asked: string[]
  close(): Promise<void>
}

/** What a test has a host do in place of what it should; true where it has answered. */
type Play = (request: IncomingMessage, response: ServerResponse) => boolean

/** `git http-backend` as any web server runs it. With `password`, only who sends it gets in. */
export const startGitHttp = async (repository: string, { password, play = () => false, tls }: { password?: string | (() => string); play?: Play; tls?: { cert: string; key: string } } = {}): Promise<GitHost & { readonly url: string }> => {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { url = '', method = '', headers } = request
    asked.push(url)
    if (play(request, response)) return
    const sent = Buffer.from(headers.authorization?.replace(/^Basic /, '') ?? '', 'base64').toString().split(':').slice(1).join(':')
    if (password !== undefined && sent !== (typeof password === 'string' ? password : password())) return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    const [path = '', query = ''] = url.split('?')
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'], GIT_PROJECT_ROOT: dirname(repository), GIT_HTTP_EXPORT_ALL: '1', PATH_INFO: path, QUERY_STRING: query, REQUEST_METHOD: method,
        CONTENT_TYPE: headers['content-type'] ?? '', HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '', GIT_PROTOCOL: String(headers['git-protocol'] ?? ''), REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    request.pipe(child.stdin)
    child.stdin.on('error', () => undefined)
    const parts: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => parts.push(part))
    child.once('close', () => {
      const out = Buffer.concat(parts)
      const end = out.indexOf('\r\n\r\n')
      const own = out.subarray(0, end).toString().split('\r\n').map((line) => line.split(': '))
      response.writeHead(Number(own.find(([name]) => name === 'Status')?.[1]?.slice(0, 3) ?? 200), Object.fromEntries(own.filter(([name]) => name !== 'Status')))
      response.end(out.subarray(end + 4))
    })
  }
  const server = tls === undefined ? http.createServer(handle) : https.createServer(tls, handle)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port, asked, url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/${repository.split('/').at(-1)}`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface KeyPair {
  /** In OpenSSH's form, as `ssh-keygen` writes it. */
  readonly key: string
  readonly keyFile: string
  readonly publicKey: string
}
export const createKeys = (): { make(name: string): KeyPair; readonly directory: string; remove(): void } => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-keys-'))
  return {
    directory,
    make(name) {
      const keyFile = join(directory, name)
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', keyFile])
      return { key: readFileSync(keyFile, 'utf8'), keyFile, publicKey: readFileSync(`${keyFile}.pub`, 'utf8').trim() }
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** A host that gives one repository to whoever has the one key. */
export const startGitSsh = async (repository: string, host: KeyPair, client: KeyPair): Promise<GitHost> => {
  const allowed = ssh2.utils.parseKey(client.publicKey)
  if (allowed instanceof Error) throw allowed
  const asked: string[] = []
  const clients = new Set<ssh2.Connection>()
  const server = new ssh2.Server({ hostKeys: [host.key] }, (connection) => {
    clients.add(connection)
    connection.on('error', () => undefined).once('close', () => clients.delete(connection))
    connection.on('authentication', (context) => {
      const isKey = context.method === 'publickey' && context.key.data.equals(allowed.getPublicSSH())
      const isSigned = context.method === 'publickey' && context.signature !== undefined && context.blob !== undefined && allowed.verify(context.blob, context.signature, context.hashAlgo) === true
      if (isKey && (context.signature === undefined || isSigned)) context.accept()
      else context.reject(['publickey'])
    })
    connection.on('session', (accept) => {
      const session = accept()
      session.on('env', (acceptEnv) => acceptEnv?.())
      session.on('exec', (acceptExec, _reject, { command }) => {
        asked.push(command)
        const channel = acceptExec()
        const child = spawn('git', ['upload-pack', repository], { stdio: ['pipe', 'pipe', 'ignore'] })
        channel.pipe(child.stdin)
        child.stdin.on('error', () => undefined)
        child.stdout.pipe(channel, { end: false })
        child.once('close', (status) => {
          channel.exit(status ?? 1)
          channel.end()
        })
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port, asked,
    async close() {
      for (const connection of clients) connection.end()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
