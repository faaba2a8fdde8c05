import { createRequire } from 'node:module'

/** What the tests use of wechat-crypto, the envelope of co-wechat. */
export interface WechatCrypto {
  encrypt(text: string): string
  decrypt(encrypted: string): { readonly message: string; readonly id: string }
  getSignature(timestamp: string, nonce: string, encrypted: string): string
}

// The one that co-wechat itself uses: it is a dependency of its own, not of ours.
const requireFromCoWechat = createRequire(createRequire(import.meta.url).resolve('co-wechat'))

export const WechatCrypto: new (token: string, encodingAESKey: string, id: string) => WechatCrypto =
  requireFromCoWechat('wechat-crypto')
