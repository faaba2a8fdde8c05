import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OfficialAccount } from 'node-easywechat'
import type { ApiSdk, HubPlace } from './api-sdk.js'

/** node-easywechat pointed at the hub as docs/sdk/node-easywechat.md has it. */
export interface EasyWechatSdk extends ApiSdk {
  readonly app: OfficialAccount
  /** Deletes what it keeps in its cache. */
  forget(): Promise<void>
}

export function createEasyWechat(place: HubPlace): EasyWechatSdk {
  return create(place, false)
}

/** The same, which asks for its token by `POST /cgi-bin/stable_token`. */
export function createStableEasyWechat(place: HubPlace): EasyWechatSdk {
  return create(place, true)
}

function create({ url, appID, key, folder }: HubPlace, stable: boolean): EasyWechatSdk {
  const app = new OfficialAccount({
    app_id: appID,
    secret: key,
    use_stable_access_token: stable,
    http: { baseURL: `${url}/` },
    file_cache: { path: folder, fileMode: 0o600, dirMode: 0o700, ext: '.cache' },
  })
  const client = () => app.getClient()
  return {
    app,
    async forget() {
      const names = (await readdir(folder)).filter((name) => name.endsWith('.cache'))
      for (const name of names) await rm(join(folder, name))
    },
    async ip() {
      const answer = await client().get('/cgi-bin/getcallbackip')
      return fieldsOf<{ ip_list: string[] }>(answer).ip_list[0] ?? ''
    },
    async user(openid) {
      const answer = await client().get('/cgi-bin/user/info', { params: { openid } })
      return fieldsOf<{ openid: string }>(answer).openid
    },
    async send(touser, content) {
      const message = { touser, msgtype: 'text', text: { content } }
      fieldsOf(await client().postJson('/cgi-bin/message/custom/send', message))
    },
    async upload(bytes) {
      const file = join(folder, 'a.png')
      await writeFile(file, bytes)
      const answer = client()
        .withFile(file, 'media')
        .post('/cgi-bin/media/upload', { params: { type: 'image' } })
      return fieldsOf<{ media_id: string }>(await answer).media_id
    },
    async download(mediaID) {
      const answer = await client().get('/cgi-bin/media/get', {
        params: { media_id: mediaID },
        responseType: 'arraybuffer',
      })
      return Buffer.from(answer.getContent())
    },
    ticket: () => app.getTicket().getTicket(),
    token: () => app.getAccessToken().getToken(),
  }
}

/** The SDK hands a refusal over like any other answer. */
function fieldsOf<T extends object>(answer: { toObject(): object }): T {
  const fields = answer.toObject()
  if ('errcode' in fields && fields.errcode !== 0) throw new Error(`refused: ${JSON.stringify(fields)}`)
  return fields as T
}
