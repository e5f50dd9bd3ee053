// node check.js URL: the scenario against a development server, in Node.js. Exits with 0 or 1.
import { issueToken } from './platform.js'

const url = process.argv[2]
try {
  const { play } = await import('./scenario.js')
  console.log(await play(url, request => issueToken(url, request)))
  process.exit(0)
} catch (error) {
  console.error(error)
  process.exit(1)
}
