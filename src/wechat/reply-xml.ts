import { mostArticles, readReply } from './reply-check.js'
import type { Article, Reply } from './reply-types.js'
import { type Fields, isList, readXml, type Value, type WritableFields, writeXml } from './xml.js'

export interface ReplyAddress {
  /** The user's openid. */
  readonly to: string
  /** The account's original id, `gh_…`. */
  readonly from: string
  /** In seconds since the epoch. */
  readonly createTime: number
}

/**
 * The XML of a reply [REPLY].
 *
 * @throws {TypeError} as `readReply` does.
 */
export function writeReply(answer: Reply, { to, from, createTime }: ReplyAddress): string {
  // Checked again, since the names of its fields become elements.
  const checked = readReply(answer)
  const envelope = { ToUserName: to, FromUserName: from, CreateTime: createTime, MsgType: checked.MsgType }
  return writeXml({ ...envelope, ...contentOf(checked) })
}

function contentOf(answer: Reply): WritableFields {
  switch (answer.MsgType) {
    case 'text':
      return { Content: answer.Content }
    case 'image':
      return { Image: { ...answer.Image } }
    case 'voice':
      return { Voice: { ...answer.Voice } }
    case 'video':
      return { Video: { ...answer.Video } }
    case 'music':
      return { Music: { ...answer.Music } }
    case 'news':
      return { ArticleCount: answer.Articles.length, Articles: { item: answer.Articles.map(wholeArticle) } }
    case 'transfer_customer_service':
      return answer.TransInfo === undefined ? {} : { TransInfo: { ...answer.TransInfo } }
  }
}

/** [REPLY-CODE] All four elements belong to an article, if empty. */
function wholeArticle({ Title, Description = '', PicUrl = '', Url = '' }: Article): WritableFields {
  return { Title, Description, PicUrl, Url }
}

/**
 * The reply that a back end answered in XML; `undefined` if it is none. Of more than 8 articles the first 8 are taken, as
 * WeChat does [REPLY-CODE].
 */
export function readReplyXml(text: string): Reply | undefined {
  const fields = readXml(text)
  if (fields === undefined) return undefined
  try {
    return readReply({ ...fields, Articles: articlesIn(fields), TransInfo: transInfoIn(fields) })
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

function articlesIn({ Articles }: Fields): readonly Value[] {
  const items = isFields(Articles) ? Articles['item'] : undefined
  if (items === undefined) return []
  return (isList(items) ? items : [items]).slice(0, mostArticles)
}

/** An empty element is the same as none. */
function transInfoIn({ TransInfo }: Fields): Fields | undefined {
  return isFields(TransInfo) && TransInfo['KfAccount'] !== '' ? TransInfo : undefined
}

function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && !isList(value)
}
