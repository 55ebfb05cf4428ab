import { startFixture } from './http.ts'

// Run as a program: the port is the first argument.
const { url } = await startFixture(Number(process.argv[2] ?? 0))
console.log(url)
