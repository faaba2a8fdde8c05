import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hashKey, isWellFormed } from '../../src/access/key.js'
import { AppProcess } from '../support/app-process.js'
import { hubKey, shop } from '../support/running-hub.js'
import { until } from '../support/until.js'
import { type Ended, runCli } from './run-cli.js'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wechat-hub-cli-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const cli = (...args: string[]) => runCli(folder, args)
const addCrm = () => cli('client', 'add', 'crm', '--account', 'default', '--scope', 'token')

/** Two accounts and a client, as an operator writes them down. */
async function configure(): Promise<void> {
  const { appID, appSecret, token } = shop
  await mkdir(join(folder, 'config'))
  const erp = { keyHash: [hashKey('a key of the operator')], accounts: ['shop'], scopes: ['token', 'metrics'] }
  const settings = { accounts: { shop: { appID, appSecret, token } }, clients: { erp } }
  await writeFile(join(folder, 'config', 'local.json'), JSON.stringify(settings))
}

async function stored(): Promise<{ name: string; keyHashes: string[]; accounts: string[]; scopes: string[] }[]> {
  return JSON.parse(await readFile(join(folder, 'data', 'clients.json'), 'utf8')).clients
}

/** That a command failed with a sentence: no stack, nothing on stdout. */
function expectRefused(ended: Ended, sentence: RegExp): void {
  expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(sentence) })
  expect(ended.stderr).not.toMatch(/\n +at |Error:/)
}

describe('client add', () => {
  it('prints the key alone on stdout, and on stderr how to use it', async () => {
    const { code, stdout, stderr } = await cli(
      'client',
      'add',
      'crm',
      '--account',
      'default',
      '--scope',
      'token',
      'ticket',
    )
    const key = stdout.trimEnd()
    expect([code, stdout]).toEqual([0, `${key}\n`])
    expect(isWellFormed(key)).toBe(true)
    expect(stderr).not.toContain(key.slice(4, 20))
    expect(stderr).toContain('shown only now')
    expect(stderr).toContain('http://localhost:3000 in the place of https://api.weixin.qq.com')
    expect(stderr).toMatch(/appID +the AppID of your account \(in the sandbox: wx5a4db0c5a4db0c50\)$/m)
    expect(await stored()).toEqual([
      { name: 'crm', keyHashes: [hashKey(key)], accounts: ['default'], scopes: ['token', 'ticket'] },
    ])
    expect((await stat(join(folder, 'data', 'clients.json'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, 'data'))).mode & 0o777).toBe(0o700)
  })

  it('names the account of the configuration, its appID and the place of the hub', async () => {
    await configure()
    const args = ['client', 'add', 'bot', '--account', '*', '--scope', 'gateway:/cgi-bin/message/*']
    const { stderr } = await runCli(folder, [...args, 'token'], { PORT: '8080', HOST: '10.1.2.3' })
    expect(stderr).toContain('http://10.1.2.3:8080/v1/shop/access-token')
    expect(stderr).toContain(shop.appID)
  })

  it('shows for a client of metrics what Prometheus needs', async () => {
    const { stderr } = await cli('client', 'add', 'prometheus', '--account', '*', '--scope', 'metrics')
    expect(stderr).toContain('http://localhost:3000/metrics')
    expect(stderr).not.toContain('SDK')
  })

  it('refuses what it cannot store, in a sentence', async () => {
    await configure()
    const add = (name: string, account: string[], scope: string[]) =>
      cli('client', 'add', name, '--account', ...account, '--scope', ...scope)
    expectRefused(await add('a b', ['shop'], ['token']), /1 to 64 letters, digits, "_", "\." and "-"/)
    expectRefused(await add('erp', ['shop'], ['token']), /"erp" is the name of a client of the hub's configuration/)
    for (const name of ['hub', 'constructor', 'toString', '__proto__']) {
      expectRefused(await add(name, ['shop'], ['token']), new RegExp(`"${name}" is reserved`))
    }
    expectRefused(await add('crm', ['blog', 'shop'], ['token']), /no account "blog" \(known: shop\).*quotes/)
    expectRefused(await add('crm', ['*', 'shop'], ['token']), /give it alone/)
    expectRefused(await add('crm', ['shop'], ['token', 'root']), /"root" is no scope; there are token, ticket/)
    expectRefused(await add('crm', ['shop'], ['gateway:/a/../b']), /is no scope/)
    expectRefused(await cli('client', 'add', 'crm', '--account', 'shop'), /required option '--scope/)
    expectRefused(await cli('client', 'add', 'crm', '--scope', 'token'), /required option '--account/)
    expectRefused(
      await cli('client', 'add', '--account', 'shop', '--scope', 'token'),
      /missing required argument 'name'/,
    )
    await expect(stored()).rejects.toThrow('ENOENT')
  })

  it('refuses a name that is taken, and leaves its key alone', async () => {
    const { stdout } = await addCrm()
    expectRefused(await addCrm(), /there is a client "crm" already/)
    expect(await stored()).toMatchObject([{ keyHashes: [hashKey(stdout.trim())] }])
  })
})

describe('client rotate', () => {
  it('prints a second key, refuses a third, and ends the older one', async () => {
    const first = (await addCrm()).stdout.trim()
    const rotated = await cli('client', 'rotate', 'crm')
    const second = rotated.stdout.trim()
    expect(rotated.code).toBe(0)
    expect(rotated.stderr).toContain('wechat-hub client rotate crm --finish')
    expect(rotated.stderr).not.toContain(second)
    expect((await stored())[0]?.keyHashes).toEqual([hashKey(second), hashKey(first)])
    expect(rotated.stderr).toContain(join(folder, 'data', 'clients.json'))
    expectRefused(
      await cli('client', 'rotate', 'crm'),
      /has two keys already.*--finish" ends the older.*if the newer one was lost.*--undo" ends that/,
    )
    expect(await cli('client', 'rotate', 'crm', '--finish')).toMatchObject({ code: 0, stdout: '' })
    expect((await stored())[0]?.keyHashes).toEqual([hashKey(second)])
    expect((await cli('client', 'rotate', 'crm', '--finish')).stderr).toContain('has only one key')
  })

  it('ends the newer key if it was lost, so that the older one works on and a new one can be had', async () => {
    const first = (await addCrm()).stdout.trim()
    await cli('client', 'rotate', 'crm')
    expectRefused(await cli('client', 'rotate', 'crm', '--finish', '--undo'), /cannot be used with/)
    const undone = await cli('client', 'rotate', 'crm', '--undo')
    expect(undone).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('The newer key') })
    expect(undone.stderr).toContain(join(folder, 'data', 'clients.json'))
    expect((await stored())[0]?.keyHashes).toEqual([hashKey(first)])
    expect((await cli('client', 'rotate', 'crm', '--undo')).stderr).toContain('has only one key')
    const third = (await cli('client', 'rotate', 'crm')).stdout.trim()
    expect((await stored())[0]?.keyHashes).toEqual([hashKey(third), hashKey(first)])
  })
})

describe('client revoke', () => {
  it('removes the client, and warns when it was the last one', async () => {
    await addCrm()
    const { code, stderr } = await cli('client', 'revoke', 'crm')
    expect(code).toBe(0)
    expect(stderr).toMatch(/"crm" is removed[\s\S]*No client is left/)
    expect(stderr).toContain(join(folder, 'data', 'clients.json'))
    expect(await stored()).toEqual([])
  })
})

describe('the audit log', () => {
  async function audited(): Promise<Record<string, unknown>[]> {
    const audit = join(folder, 'data', 'audit')
    const texts = await Promise.all((await readdir(audit)).sort().map((name) => readFile(join(audit, name), 'utf8')))
    return texts.flatMap((text) => text.split('\n').filter((line) => line !== '')).map((line) => JSON.parse(line))
  }

  it('tells who changed which client, without a running hub', async () => {
    await addCrm()
    for (const option of [[], ['--undo'], ['--undo'], [], ['--finish']]) await cli('client', 'rotate', 'crm', ...option)
    await cli('client', 'revoke', 'crm')
    await cli('client', 'revoke', 'crm')
    const by = {
      action: 'client',
      client: 'crm',
      result: 'written',
      detail: `by ${userInfo().username} on the command line`,
    }
    expect(await audited()).toEqual(
      ['added', 'rotated', 'undone', 'rotated', 'finished', 'revoked'].map((what) => {
        return { time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), what, ...by }
      }),
    )
  })

  it('is told of on stderr if it cannot be written, and the command does its work', async () => {
    await mkdir(join(folder, 'data'), { mode: 0o700 })
    await writeFile(join(folder, 'data', 'audit'), 'a file in the place of the folder')
    const { code, stdout, stderr } = await addCrm()
    expect(code).toBe(0)
    expect(await stored()).toMatchObject([{ name: 'crm', keyHashes: [hashKey(stdout.trim())] }])
    expect(stderr).toMatch(/is not in the audit log \(EEXIST\): .*audit/)
  })
})

it('clients of the configuration are read-only: it says where they are changed', async () => {
  await configure()
  for (const command of ['rotate', 'revoke']) {
    expectRefused(await cli('client', command, 'erp'), /clients\.erp in config\/local\.json.*restart the hub/)
    const ofHub = await runCli(folder, ['client', command, 'hub'], { WECHAT_HUB_KEY: hubKey })
    expectRefused(ofHub, /WECHAT_HUB_KEY: change that variable/)
    expectRefused(await cli('client', command, 'nobody'), /no stored client "nobody" in .*clients\.json/)
  }
})

describe('client list', () => {
  it('shows who may do what, from where, and of keys only the start of their hash', async () => {
    await configure()
    const key = (await cli('client', 'add', 'crm', '--account', 'shop', '--scope', 'token')).stdout.trim()
    const env = { WECHAT_HUB_KEY: hubKey }
    const { stdout } = await runCli(folder, ['client', 'list', '--json'], env)
    const hash = (text: string) => hashKey(text).slice(0, 8)
    const clients: unknown = JSON.parse(stdout)
    expect(clients).toEqual([
      {
        ...{ name: 'erp', source: 'configuration', used: true, keys: 1, hashes: [hash('a key of the operator')] },
        ...{ accounts: ['shop'], scopes: ['token', 'metrics'] },
      },
      {
        ...{ name: 'hub', source: 'environment', used: true, keys: 1, hashes: [hash(hubKey)] },
        ...{ accounts: ['*'], scopes: ['admin'] },
      },
      {
        ...{ name: 'crm', source: 'stored', used: true, keys: 1, hashes: [hash(key)] },
        ...{ accounts: ['shop'], scopes: ['token'] },
      },
    ])
    const text = (await runCli(folder, ['client', 'list'], env)).stdout
    expect(text).toMatch(/^NAME +SOURCE/)
    expect(text).toMatch(new RegExp(`^crm +stored +1 +${hash(key)} +shop +token$`, 'm'))
    for (const secret of [key, hubKey, hashKey(key)]) expect(stdout + text).not.toContain(secret)
  })

  it('marks a stored client that the configuration keeps from use; revoke removes it', async () => {
    await configure()
    await mkdir(join(folder, 'data'))
    const shadow = { name: 'erp', keyHashes: ['a'.repeat(64)], accounts: ['*'], scopes: ['admin'] }
    await writeFile(join(folder, 'data', 'clients.json'), JSON.stringify({ clients: [shadow] }))
    expect((await cli('client', 'list')).stdout).toMatch(/^erp +stored, not used/m)
    expect((await cli('client', 'revoke', 'erp')).stderr).toContain('which remains')
    expect((await cli('client', 'list')).stdout).not.toContain('not used')
  })

  it('says that there is none', async () => {
    expect(await cli('client', 'list', '--json')).toMatchObject({ code: 0, stdout: '[]\n' })
    expect(await cli('client', 'list')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('no client'),
    })
  })
})

it('says what is wrong with the file of clients, and leaves it as it is', async () => {
  await mkdir(join(folder, 'data'))
  await writeFile(join(folder, 'data', 'clients.json'), '{"clients"')
  expectRefused(await addCrm(), /clients\.json: it is not valid JSON/)
  expectRefused(await cli('client', 'list'), /clients\.json: it is not valid JSON/)
  expect(await readFile(join(folder, 'data', 'clients.json'), 'utf8')).toBe('{"clients"')
})

it('makes files that the hub can read, also when root runs it for a hub of another user', async () => {
  await mkdir(join(folder, 'data'), { mode: 0o700 })
  // Whoever runs the tests without being root owns the folder already.
  if (process.geteuid?.() === 0) {
    await chmod(folder, 0o755)
    await chown(join(folder, 'data'), 65_534, 65_534)
  }
  expect((await addCrm()).stderr).toContain('shown only now')
  const owner = await stat(join(folder, 'data'))
  const [month = ''] = await readdir(join(folder, 'data', 'audit'))
  // Whoever ran it, and not the owner of the folder.
  expect(await readFile(join(folder, 'data', 'audit', month), 'utf8')).toContain(`by ${userInfo().username} on`)
  for (const name of await readdir(join(folder, 'data'), { recursive: true })) {
    const found = await stat(join(folder, 'data', name))
    expect([name, found.uid, found.gid, found.mode & 0o077]).toEqual([name, owner.uid, owner.gid, 0])
  }
})

it('ends with 78 when the configuration cannot be used', async () => {
  const { code, stdout, stderr } = await runCli(folder, ['client', 'list'], { WECHAT_HUB_KEY: 'short' })
  expect([code, stdout]).toEqual([78, ''])
  expect(stderr).toContain('key (WECHAT_HUB_KEY)')
})

it('loses none of 20 clients that are added at once', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `client-${String(i).padStart(2, '0')}`)
  const ends = await Promise.all(names.map((name) => cli('client', 'add', name, '--account', '*', '--scope', 'token')))
  expect(ends.map(({ code, stderr }) => (code === 0 ? '' : stderr)).join('')).toBe('')
  const keys = new Map(ends.map(({ stdout }, i) => [names[i], [hashKey(stdout.trim())]]))
  expect(new Map((await stored()).map(({ name, keyHashes }) => [name, keyHashes]))).toEqual(keys)
}, 120_000)

it('changes a running hub', async () => {
  const app = await AppProcess.inEmptyFolder()
  try {
    const url = await app.listening()
    const status = async (key: string) => {
      const response = await fetch(`${url}/v1/default/access-token`, { headers: { authorization: `Bearer ${key}` } })
      return response.status
    }
    const { stdout } = await runCli(app.folder, ['client', 'add', 'crm', '--account', '*', '--scope', 'token'])
    const key = stdout.trim()
    await until(async () => (await status(key)) === 200)
    await runCli(app.folder, ['client', 'revoke', 'crm'])
    // 401, or 429 when it was asked too often before.
    await until(async () => (await status(key)) !== 200)
  } finally {
    await app.remove()
  }
})

describe('the program', () => {
  it('tells its version and explains its commands', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    expect(await cli('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
    const help = await cli('--help')
    expect(help.code).toBe(0)
    for (const command of ['client', 'token', 'doctor']) expect(help.stdout).toMatch(new RegExp(`^ +${command} `, 'm'))
    expect((await cli('client', '--help')).stdout).toMatch(/add[\s\S]*list[\s\S]*rotate[\s\S]*revoke/)
    expect((await cli('client', 'add', '--help')).stdout).toContain(
      'wechat-hub client add crm --account shop --scope token',
    )
  })

  it('refuses commands and options that it does not know', async () => {
    expectRefused(await cli('clients'), /unknown command 'clients'/)
    expectRefused(await cli('client', 'list', '--all'), /unknown option '--all'/)
    expectRefused(await cli('client', 'revoke', 'a', 'b'), /too many arguments/)
  })
})
