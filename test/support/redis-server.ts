import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient, type RedisClientOptions } from '@redis/client'
import { describe, it } from 'vitest'
import { makeCertificate } from './certificate.js'
import { findProgram, remedy } from './debian-packages.js'
import { Guardian } from './guardian.js'
import { redisServerProgram } from './programs.js'
import { removeFolder, temporaryFolder } from './temporary-folder.js'
import { until } from './until.js'

/** Below the ports that systems give to whom asks for any, so that nobody takes one while its server is down. */
const ports = { from: 10_000, to: 20_000 }

export interface RedisServerOptions {
  /** Which each client must give. Default: none. */
  readonly password?: string
  /** Of the program: `['--appendonly', 'yes']`. They outdo the configuration. */
  readonly args?: readonly string[]
  /** Further lines of its configuration file. */
  readonly config?: readonly string[]
  /** Of the test, which removes it. Default: its own, which `stop` removes. */
  readonly folder?: string
  /** Its password must be this one's too. */
  readonly replicaOf?: RedisServer
  /** Speaks nothing but TLS, with a certificate of 127.0.0.1 that `caFile` vouches for. Default false. */
  readonly tls?: boolean
}

/** Why there is no server to be had here, and what helps. */
export function redisServerMissing(): string | undefined {
  if (findProgram(redisServerProgram) !== undefined) return undefined
  return `The tests of Redis need a server: ${remedy(redisServerProgram)}`
}

/** Tests that need a Redis. Where there is none they are skipped, naming the remedy; in CI they fail with it. */
export function describeWithRedis(name: string, body: () => void): void {
  const missing = redisServerMissing()
  if (missing === undefined) describe(name, body)
  else if (process.env['CI'] !== 'true') describe.skip(`${name}. ${missing}`, body)
  else {
    describe(name, () => {
      it('has a server', () => {
        throw new Error(missing)
      })
    })
  }
}

/** A Redis of its own process, on 127.0.0.1 only, which keeps nothing on disk unless asked. It ends with the test program. */
export class RedisServer {
  static readonly #living = new Set<RedisServer>()

  readonly port: number
  /** Has its configuration, which it may rewrite, its log `redis.log` and what it keeps. */
  readonly folder: string
  readonly #options: RedisServerOptions
  #process: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()

  private constructor(options: RedisServerOptions, port: number) {
    this.#options = options
    this.port = port
    this.folder = options.folder ?? temporaryFolder()
    RedisServer.#living.add(this)
  }

  /** Resolves when it answers. Rejects with its log when it ends instead. */
  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options, randomInt(ports.from, ports.to))
    try {
      await server.#configure()
      await server.#run()
      return server
    } catch (error) {
      await server.stop()
      if (String(error).includes('Address already in use')) return RedisServer.start(options)
      throw error
    }
  }

  /** Ends every server that was started here, watchers and members of clusters too. */
  static async stopAll(): Promise<void> {
    await Promise.all([...RedisServer.#living].map((server) => server.stop()))
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get password(): string | undefined {
    return this.#options.password
  }

  get url(): string {
    const login = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`
    return `${this.#options.tls ? 'rediss' : 'redis'}://${login}127.0.0.1:${this.port}`
  }

  /** The certificate of a server with TLS, in PEM. */
  get caFile(): string {
    return join(this.folder, 'certificate.pem')
  }

  /**
   * Has it do one command, on a connection of its own, on which nothing was written: `WAIT` waits for nothing. The answer is
   * in the shapes of RESP 2: a hash is a flat list.
   */
  async command(...args: string[]): Promise<unknown> {
    const client = createClient({ url: this.url, RESP: 2, socket: this.#socket() })
    // It rejects what is under way, too.
    client.on('error', () => undefined)
    try {
      await client.connect()
      return await client.sendCommand(args)
    } finally {
      client.destroy()
    }
  }

  /** Ends it between two of its instructions, frozen or not. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL')
    await this.#exited
  }

  /** Starts it again where it was, after `kill` or instead. */
  async restart(): Promise<void> {
    await this.kill()
    await this.#run()
  }

  /** It answers nothing any more, though its port takes connections. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Ends it for good, with what it kept. */
  async stop(): Promise<void> {
    await this.kill()
    if (this.#options.folder === undefined) removeFolder(this.folder)
    RedisServer.#living.delete(this)
  }

  #socket(): NonNullable<RedisClientOptions['socket']> {
    const oneTry = { reconnectStrategy: false } as const
    return this.#options.tls ? { ...oneTry, tls: true, ca: readFileSync(this.caFile) } : oneTry
  }

  async #configure(): Promise<void> {
    const { password, replicaOf, config = [], tls } = this.#options
    const key = join(this.folder, 'key.pem')
    if (tls) await makeCertificate({ key, certificate: this.caFile })
    const lines = [
      'bind 127.0.0.1',
      ...(tls ? ['port 0', `tls-port ${this.port}`, 'tls-auth-clients no'] : [`port ${this.port}`]),
      ...(tls ? [`tls-key-file "${key}"`, `tls-cert-file "${this.caFile}"`] : []),
      `dir "${this.folder}"`,
      'save ""',
      'appendonly no',
      // It waits five seconds for further replicas otherwise.
      'repl-diskless-sync-delay 0',
      ...(password === undefined ? [] : [`requirepass "${password}"`, `masterauth "${password}"`]),
      ...(replicaOf === undefined ? [] : [`replicaof 127.0.0.1 ${replicaOf.port}`]),
      ...config,
    ]
    writeFileSync(join(this.folder, 'redis.conf'), `${lines.join('\n')}\n`)
  }

  async #run(): Promise<void> {
    const program = findProgram(redisServerProgram)
    if (program === undefined) throw new Error(redisServerMissing())
    const logFile = join(this.folder, 'redis.log')
    const log = openSync(logFile, 'w')
    const process = spawn(program, [join(this.folder, 'redis.conf'), ...(this.#options.args ?? [])], {
      argv0: 'redis-server',
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#process = process
    await once(process, 'spawn')
    const guardian = new Guardian(this.pid, this.#options.folder === undefined ? [this.folder] : [])
    this.#exited = once(process, 'exit').then(() => guardian.dismiss())
    const hasEnded = () => process.exitCode !== null || process.signalCode !== null
    await until(async () => hasEnded() || (await this.#answers()))
    if (hasEnded()) throw new Error(`the Redis server has ended:\n${readFileSync(logFile, 'utf8')}`)
  }

  /** Whether this very process does: another one's port may be the same. */
  async #answers(): Promise<boolean> {
    try {
      await this.command('PING')
      return String(await this.command('INFO', 'server')).includes(`process_id:${this.pid}\r\n`)
    } catch {
      return false
    }
  }
}
