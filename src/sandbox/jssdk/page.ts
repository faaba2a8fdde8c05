import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { type Control, type ControlRequest, Shown } from '../control/control.js'
import { knownAccount } from '../control/known-account.js'
import { loopbackURL } from '../loopback.js'
import { checked, Refusal } from '../refusal.js'
import type { World } from '../world.js'

const schema = z.object({ hub: loopbackURL.optional() })

/** A page that is signed by the hub and checked by the sandbox. */
export const page: Control = {
  method: 'GET',
  path: '/sandbox/page',
  about: '[?appid=][&hub=its URL] a page for the browser: signed by the hub, checked by the sandbox',
  run: async (request, world) => new Shown(await pageOf(request, world), 'text/html; charset=utf-8'),
}

async function pageOf(request: ControlRequest, world: World): Promise<string> {
  const given = request.query('appid')
  const appID = given === undefined ? world.accounts.first() : knownAccount(given, world)
  if (appID === undefined) throw new Refusal('"appid": the sandbox has no account')
  // Of this machine only: the page runs the script that it finds there.
  const { hub = world.accounts.get(appID)?.callbackUrl } = checked(schema, { hub: request.query('hub') })
  if (hub === undefined)
    throw new Refusal('"hub": is needed, since the account has no callbackUrl: ?hub=http://localhost:3000')
  const text = await readFile(new URL('page.html', import.meta.url), 'utf8')
  return text.replaceAll('{{hub}}', new URL(hub).origin).replaceAll('{{appid}}', appID)
}
