#!/usr/bin/env node
import { refuseUnready } from './ready.js'

refuseUnready('sallyport', ['commander'])
await import('./main.ts')
