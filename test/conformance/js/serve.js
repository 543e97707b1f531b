// Runs the real binary on an empty directory.
import { spawn, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'tidemark-js-'))
let binary = process.env.TIDEMARK_BINARY

function build() {
  if (binary) return
  binary = join(scratch, 'tidemark')
  execFileSync('go', ['build', '-o', binary, './cmd/tidemark'], { cwd: root, stdio: 'inherit' })
}

const freePort = () => new Promise((resolve, reject) => {
  const probe = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(port))
  })
})

/** starts a server and returns its address and how to stop it */
export async function serve() {
  build()
  const url = `http://127.0.0.1:${await freePort()}`
  const server = spawn(binary, ['serve', '--data', mkdtempSync(join(scratch, 'data-')), '--listen', url.slice(7)], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  server.stderr.on('data', (text) => { said += text })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  for (const until = Date.now() + 30_000; Date.now() < until; await sleep(20)) {
    const answer = await fetch(url + '/readyz').catch(() => null)
    await answer?.text()
    if (answer?.ok) return { url, said: () => said, stop: async () => { server.kill('SIGKILL'); await ended } }
  }
  server.kill('SIGKILL')
  throw new Error(`the server is not ready; it said:\n${said}`)
}

/** removes what all servers wrote */
export function clean() { rmSync(scratch, { recursive: true, force: true }) }
