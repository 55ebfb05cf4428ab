/** What Sallyport is compared with: Express 5 and http-proxy-middleware with keep-alive, passing bytes through. It prints its port. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'

const target = process.argv[2]
if (target === undefined) throw new Error('the server to forward to is missing')
const app = express()
app.use(createProxyMiddleware({ target, ignorePath: true, changeOrigin: true, agent: new http.Agent({ keepAlive: true }) }))
const server = http.createServer({ keepAliveTimeout: 600_000 }, app)
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`))
process.once('disconnect', () => process.exit(0))
