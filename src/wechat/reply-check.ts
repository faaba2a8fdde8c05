import type {
  Article,
  ImageReply,
  Media,
  Music,
  MusicReply,
  NewsReply,
  Reply,
  TextReply,
  TransferReply,
  Video,
  VideoReply,
  VoiceReply,
} from './reply-types.js'

/** [REPLY-CODE] In an answer. */
export const mostArticles = 8

/** Fields of which nothing is known yet. */
type Unchecked = Readonly<Record<string, unknown>>

type Check<T> = (value: Unchecked) => T

const checks: { readonly [M in Reply['MsgType']]: Check<Extract<Reply, { MsgType: M }>> } = {
  text: checkText,
  image: checkImage,
  voice: checkVoice,
  video: checkVideo,
  music: checkMusic,
  news: checkNews,
  transfer_customer_service: checkTransfer,
}

/**
 * The reply that a handler returned or that a back end answered in JSON. Fields that no reply has, among them those of the
 * envelope, are left out.
 *
 * @throws {TypeError} that names the field that is missing or wrong, never its value.
 */
export function readReply(value: unknown): Reply {
  if (!isObject(value)) throw new TypeError('a reply must be an object with a "MsgType"')
  const { MsgType: type } = value
  if (!isReplyType(type)) throw new TypeError(`"MsgType" of a reply must be one of ${Object.keys(checks).join(', ')}`)
  return checks[type](value)
}

function isReplyType(type: unknown): type is Reply['MsgType'] {
  return typeof type === 'string' && Object.hasOwn(checks, type)
}

export function checkText({ Content }: Unchecked): TextReply {
  return { MsgType: 'text', Content: text(Content, 'Content') }
}

export function checkImage({ Image }: Unchecked): ImageReply {
  return { MsgType: 'image', Image: media(Image, 'Image') }
}

export function checkVoice({ Voice }: Unchecked): VoiceReply {
  return { MsgType: 'voice', Voice: media(Voice, 'Voice') }
}

export function checkVideo({ Video: value }: Unchecked): VideoReply {
  const video: Video = { ...media(value, 'Video'), ...optional(value, 'Video', ['Title', 'Description']) }
  return { MsgType: 'video', Video: video }
}

export function checkMusic({ Music: value }: Unchecked): MusicReply {
  const { ThumbMediaId } = object(value, 'Music')
  const music: Music = {
    ...optional(value, 'Music', ['Title', 'Description', 'MusicUrl', 'HQMusicUrl']),
    ThumbMediaId: text(ThumbMediaId, 'Music.ThumbMediaId'),
  }
  return { MsgType: 'music', Music: music }
}

export function checkNews({ Articles: list }: Unchecked): NewsReply {
  const fits = Array.isArray(list) && list.length >= 1 && list.length <= mostArticles
  if (!fits) throw new TypeError(`"Articles" of a reply must be a list of 1 to ${mostArticles} articles`)
  return { MsgType: 'news', Articles: list.map((value: unknown, n) => article(value, `Articles[${n}]`)) }
}

export function checkTransfer({ TransInfo }: Unchecked): TransferReply {
  if (isMissing(TransInfo)) return { MsgType: 'transfer_customer_service' }
  const { KfAccount } = object(TransInfo, 'TransInfo')
  return {
    MsgType: 'transfer_customer_service',
    TransInfo: { KfAccount: text(KfAccount, 'TransInfo.KfAccount') },
  }
}

function media(value: unknown, name: string): Media {
  return { MediaId: text(object(value, name)['MediaId'], `${name}.MediaId`) }
}

function article(value: unknown, name: string): Article {
  const title = text(object(value, name)['Title'], `${name}.Title`)
  return { Title: title, ...optional(value, name, ['Description', 'PicUrl', 'Url']) }
}

function optional<N extends string>(value: unknown, of: string, names: readonly N[]): { readonly [K in N]?: string } {
  const fields = object(value, of)
  const found: { [K in N]?: string } = {}
  for (const name of names) {
    const field = fields[name]
    if (isMissing(field)) continue
    if (typeof field !== 'string') throw new TypeError(`"${of}.${name}" of a reply must be a string`)
    found[name] = field
  }
  return found
}

/** Some JSON writers write `null` for a field that is not set. */
function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function object(value: unknown, name: string): Unchecked {
  if (!isObject(value)) throw new TypeError(`"${name}" of a reply must be an object`)
  return value
}

function isObject(value: unknown): value is Unchecked {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`"${name}" of a reply must be a non-empty string`)
  }
  return value
}
