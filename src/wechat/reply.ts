import { checkImage, checkMusic, checkNews, checkText, checkTransfer, checkVideo, checkVoice } from './reply-check.js'
import type {
  ImageReply,
  MusicReply,
  NewsReply,
  TextReply,
  TransferReply,
  VideoReply,
  VoiceReply,
} from './reply-types.js'

export { readReply } from './reply-check.js'
export type * from './reply-types.js'
export { type ReplyAddress, readReplyXml, writeReply } from './reply-xml.js'

export interface VideoDetails {
  readonly title?: string | undefined
  readonly description?: string | undefined
}

export interface MusicDetails extends VideoDetails {
  readonly thumbMediaId: string
  readonly musicUrl?: string | undefined
  /** Preferred on Wi-Fi. */
  readonly hqMusicUrl?: string | undefined
}

export interface ArticleDetails {
  readonly title: string
  readonly description?: string | undefined
  readonly picUrl?: string | undefined
  readonly url?: string | undefined
}

/**
 * Makes replies. Each throws a `TypeError` that names a field that is missing or wrong: ids, titles of articles and texts
 * are non-empty strings.
 *
 * @example
 * reply.text('hi')
 * reply.news([{ title: 'Spring sale', url: 'https://www.example.com/sale' }])
 */
export const reply = {
  text(content: string): TextReply {
    return checkText({ Content: content })
  },

  image(mediaId: string): ImageReply {
    return checkImage({ Image: { MediaId: mediaId } })
  },

  voice(mediaId: string): VoiceReply {
    return checkVoice({ Voice: { MediaId: mediaId } })
  },

  video(mediaId: string, { title, description }: VideoDetails = {}): VideoReply {
    return checkVideo({ Video: { MediaId: mediaId, Title: title, Description: description } })
  },

  music({ title, description, musicUrl, hqMusicUrl, thumbMediaId }: MusicDetails): MusicReply {
    const music = { Title: title, Description: description, MusicUrl: musicUrl, HQMusicUrl: hqMusicUrl }
    return checkMusic({ Music: { ...music, ThumbMediaId: thumbMediaId } })
  },

  /** 1 to 8 articles. */
  news(articles: readonly ArticleDetails[]): NewsReply {
    return checkNews({ Articles: Array.isArray(articles) ? articles.map(named) : articles })
  },

  /** Hands the conversation to customer service: to this agent, or to any. */
  transferCustomerService(kfAccount?: string): TransferReply {
    return checkTransfer(kfAccount === undefined ? {} : { TransInfo: { KfAccount: kfAccount } })
  },
} as const

function named({ title, description, picUrl, url }: ArticleDetails): Readonly<Record<string, string | undefined>> {
  return { Title: title, Description: description, PicUrl: picUrl, Url: url }
}
