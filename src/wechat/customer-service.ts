import type { Article, Media, Music, Reply, Video } from './reply-types.js'

/**
 * The body of a call of `/cgi-bin/message/custom/send` (customer-service API) that sends this reply to a user later than
 * within the 5 s of a passive one; `undefined` for what that call can't do: hand the conversation over.
 *
 * Of several articles the first is sent, as of a passive reply to what a user sent [REPLY-CODE]: that call refuses
 * more with errcode 45008 (customer-service API).
 */
export function customMessage(reply: Reply, touser: string): Readonly<Record<string, unknown>> | undefined {
  switch (reply.MsgType) {
    case 'text':
      return { touser, msgtype: 'text', text: { content: reply.Content } }
    case 'image':
      return { touser, msgtype: 'image', image: media(reply.Image) }
    case 'voice':
      return { touser, msgtype: 'voice', voice: media(reply.Voice) }
    case 'video':
      return { touser, msgtype: 'video', video: video(reply.Video) }
    case 'music':
      return { touser, msgtype: 'music', music: music(reply.Music) }
    case 'news':
      return { touser, msgtype: 'news', news: { articles: reply.Articles.slice(0, 1).map(article) } }
    case 'transfer_customer_service':
      return undefined
  }
}

function media({ MediaId }: Media) {
  return { media_id: MediaId }
}

function video({ MediaId, Title, Description }: Video) {
  return given({ media_id: MediaId, title: Title, description: Description })
}

function music({ Title, Description, MusicUrl, HQMusicUrl, ThumbMediaId }: Music) {
  const urls = { musicurl: MusicUrl, hqmusicurl: HQMusicUrl }
  return given({ title: Title, description: Description, ...urls, thumb_media_id: ThumbMediaId })
}

function article({ Title, Description, Url, PicUrl }: Article) {
  return given({ title: Title, description: Description, url: Url, picurl: PicUrl })
}

/** Without the fields that are not there. */
function given(fields: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
