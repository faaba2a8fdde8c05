import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { blog, shop } from '../support/running-hub.js'
import { type Ended, runCli } from './run-cli.js'

/** A hub's working folder with a configuration, in which commands are run. */
export class ConfiguredFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** `settings` are laid over those of the account `shop`; `blog` is there too if `both`. */
  static async make(
    apiDomain: string,
    { settings = {}, both = false, dataDir = 'data' }: { settings?: object; both?: boolean; dataDir?: string } = {},
  ): Promise<ConfiguredFolder> {
    const path = await mkdtemp(join(tmpdir(), 'wechat-hub-cli-'))
    const accounts = { shop: { ...shop, ...settings }, ...(both ? { blog } : {}) }
    await mkdir(join(path, 'config'))
    await writeFile(join(path, 'config', 'local.json'), JSON.stringify({ accounts, dataDir, wechat: { apiDomain } }))
    return new ConfiguredFolder(path)
  }

  get dataDir(): string {
    return join(this.path, 'data')
  }

  run(...args: string[]): Promise<Ended> {
    return runCli(this.path, args)
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}
